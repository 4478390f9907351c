"""What all batches have left, and what was recorded lately: for the forecasts."""

from __future__ import annotations

import pytest

from forebay.core.batches import BatchStatus
from forebay.core.clock import Instant, after
from forebay.core.forecast import Work
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.chunks import NewChunk
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    chunk,
    new_batch,
    new_file,
    results,
    segment,
)

STRETCH_MS = 10_000


async def record(store: Store, *chunks: NewChunk, model: str = "tiny") -> None:
    """Claim the model's next segment and record these chunks of it."""
    found = await store.segments.claim(model, lease_expires_at=LEASED_UNTIL)
    assert found is not None
    held, batch = found
    for each in chunks:
        kinds = (each, None) if each.kind == "output" else (None, each)
        await store.segments.record(held, batch, results(*kinds))


async def stretches(store: Store, *, since: Instant = START) -> list[tuple[str, str, Instant, int]]:
    """Return what was recorded from then on, in order."""
    found = await store.batch_work.stretches(since=Instant(since - 1), stretch_ms=STRETCH_MS)
    return sorted((it.batch_id, it.model, it.began_at, it.line_count) for it in found)


async def test_lines_are_counted_by_the_stretch_in_which_they_were_recorded(
    store: Store, clock: ManualClock
) -> None:
    await begun(store, segment(lines=9))
    await record(store, chunk(0, 1), chunk(2, blob_id="blob_2"))
    clock.move(25)
    await store.leases.void_all()
    await record(store, chunk(3, kind="error", blob_id="blob_3"))
    assert await stretches(store) == [
        ("batch_1", "tiny", START, 3),
        ("batch_1", "tiny", after(START, 20), 1),
    ]
    assert await stretches(store, since=after(START, 20)) == [
        ("batch_1", "tiny", after(START, 20), 1)
    ]


async def test_batches_and_models_are_counted_apart(store: Store) -> None:
    await begun(store, segment(0), segment(1, model="large"))
    await record(store, chunk(0))
    await record(store, chunk(0, 1, blob_id="blob_2"), model="large")
    await begun(store, segment(0), id="batch_2")
    await store.leases.void_all()
    await record(store, chunk(1, 2, blob_id="blob_3"))
    await record(store, chunk(0, 1, 2, blob_id="blob_4"))
    assert await stretches(store) == [
        ("batch_1", "large", START, 2),
        ("batch_1", "tiny", START, 3),
        ("batch_2", "tiny", START, 3),
    ]


async def test_what_a_cancelled_batch_was_left_with_tells_no_speed(store: Store) -> None:
    batch = await begun(store)
    await record(store, chunk(0), chunk(1, kind="error", blob_id="blob_2"))
    assert await store.batches.cancel(batch)
    assert await stretches(store) == [("batch_1", "tiny", START, 1)]


async def test_what_a_batch_was_left_with_at_its_expiry_tells_no_speed(
    store: Store, clock: ManualClock
) -> None:
    batch = await begun(store, expires_at=after(START, 50))
    await record(store, chunk(0), chunk(1, kind="error", blob_id="blob_2"))
    clock.move(50)
    assert await stretches(store) == [("batch_1", "tiny", START, 1)]
    assert batch.status is BatchStatus.IN_PROGRESS


async def test_work_is_what_has_no_result_yet(store: Store) -> None:
    await begun(store, segment(0), segment(1, lines=2))
    await record(store, chunk(0, 1))
    expected = Work(
        batch_id="batch_1",
        model="tiny",
        band_rank=2,
        deadline_at=after(START, 86_400),
        line_count=3,
    )
    assert await store.batch_work.left() == [expected]


async def test_the_work_of_a_batch_of_several_models_is_told_by_model(store: Store) -> None:
    await begun(store, segment(0), segment(1, model="large"), segment(2))
    await record(store, chunk(0, 1, 2))
    left = await store.batch_work.left()
    assert sorted((work.model, work.line_count) for work in left) == [("large", 3), ("tiny", 3)]


async def test_only_running_batches_have_work(store: Store) -> None:
    await store.batches.create(new_batch("batch_new"))
    batch = await begun(store)
    assert await store.batches.cancel(batch)
    assert await store.batch_work.left() == []


@pytest.mark.parametrize(
    ("project_id", "size_bytes"), [(DEFAULT_PROJECT, 12), (OTHER_PROJECT, None)]
)
async def test_an_input_is_as_large_as_the_projects_file(
    store: Store, project_id: str, size_bytes: int | None
) -> None:
    await store.files.add(new_file(project_id=project_id))
    await store.batches.create(new_batch())
    assert await store.batch_work.inputs() == {"batch_1": (0, size_bytes)}
    assert await store.batches.fail("batch_1", errors="{}")
    assert await store.batch_work.inputs() == {}


async def test_the_input_of_a_retry_is_as_long_as_what_failed(store: Store) -> None:
    await store.files.add(new_file())
    await store.batches.create(new_batch(retry_of="batch_0", total_count=7))
    assert await store.batch_work.inputs() == {"batch_1": (7, None)}
    assert (await batch_of(store)).retry_of == "batch_0"
