"""What is read of a batch's chunks, some at a time however many there are."""

from __future__ import annotations

import asyncio

import pytest

from forebay.store import failed_lines, files
from forebay.store.chunks import NewChunk
from forebay.store.store import Store
from tests.store.makers import LEASED_UNTIL, begun, chunk, results, segment


async def record(store: Store, *chunks: NewChunk) -> None:
    """Claim the next segment and record these chunks of it."""
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    await asyncio.gather(
        *[store.segments.record(*claimed, results(*_by_kind(each))) for each in chunks]
    )


def _by_kind(one: NewChunk) -> tuple[NewChunk | None, NewChunk | None]:
    return (one, None) if one.kind == "output" else (None, one)


async def test_failed_lines_are_told_by_their_segments_in_order(store: Store) -> None:
    await begun(store, segment(0, lines=9), segment(1, lines=3), segment(2, lines=3))
    await record(
        store,
        chunk(4, kind="error", blob_id="blob_1"),
        chunk(0, 2, blob_id="blob_2"),
        chunk(3, 1, kind="error", blob_id="blob_3"),
    )
    await record(store, chunk(0, 1, 2, blob_id="blob_4"))
    await record(store, chunk(2, kind="error", blob_id="blob_5"))
    found = await store.failed_lines.of("batch_1")
    assert [(extent.blob_id, sorted(numbers)) for extent, numbers in found] == [
        ("blob_s0", [1, 3, 4]),
        ("blob_s2", [2]),
    ]


@pytest.mark.parametrize("extra", [0, 1])
async def test_failed_lines_of_many_chunks_are_all_found(store: Store, extra: int) -> None:
    count = failed_lines.CHUNKS_A_READ + extra
    await begun(store, segment(lines=count))
    await record(
        store, *[chunk(number, kind="error", blob_id=f"blob_{number}") for number in range(count)]
    )
    ((_, numbers),) = await store.failed_lines.of("batch_1")
    assert sorted(numbers) == list(range(count))


@pytest.mark.parametrize("extra", [0, 1])
async def test_all_parts_of_large_results_are_found_in_the_order_of_recording(
    store: Store, extra: int
) -> None:
    count = files.PARTS_A_READ + extra
    await begun(store, segment(lines=count))
    await record(store, *[chunk(number, blob_id=f"blob_{number}") for number in range(count)])
    recorded = [each.blob_id for each in await store.segments.chunks("batch_1", kind="output")]
    parts = await store.files.result_parts("batch_1", kind="output")
    assert [part.blob_id for part in parts] == recorded
    assert len(set(recorded)) == count
    assert await store.files.result_parts("batch_1", kind="error") == []
