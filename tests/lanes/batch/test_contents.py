"""What files hold: pieces from any byte on, and whole lines from any line on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from forebay.core.errors import BodyTooLarge, NotFound
from forebay.core.files import File
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.batch.contents import Content, Contents
from forebay.store.blobs import BlobMissing, Extent
from forebay.store.chunks import NewChunk
from forebay.store.store import Store
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    new_file,
    new_upload,
    new_upload_part,
    results,
    segment,
)


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def blob_names(store: Store) -> list[str]:
    return [name async for name, _ in store.blobs.listed()]


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def file_of_parts(store: Store, *contents: bytes) -> File:
    """Return a file that was uploaded in these parts."""
    await store.uploads.add(new_upload())
    parts = []
    for number, content in enumerate(contents):
        blob = await store.blobs.put(content)
        part = new_upload_part(number, blob_id=blob.id, size_bytes=blob.size_bytes)
        await store.uploads.add_part(part, max_bytes=10**9)
        parts.append(part)
    file = new_file(blob_id=None, size_bytes=sum(map(len, contents)))
    await store.uploads.complete(new_upload(), file, parts)
    return file


async def results_in_chunks(store: Store, *chunks: bytes, lines: int = 9) -> File:
    """Return the output file of a running batch whose results came in these chunks."""
    batch = await begun(store, segment(lines=lines))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    first = 0
    for content in chunks:
        blob = await store.blobs.put(content)
        numbers = list(range(first, first + content.count(b"\n")))
        first += len(numbers)
        chunk = NewChunk(
            kind="output", blob_id=blob.id, size_bytes=blob.size_bytes, line_numbers=numbers
        )
        await store.segments.record(claimed[0], batch, results(chunk))
    output_file_id = (await batch_of(store)).output_file_id
    assert output_file_id is not None
    file = await store.files.get(DEFAULT_PROJECT, output_file_id)
    assert file is not None
    return file


async def test_a_file_of_one_blob_is_that_blob(store: Store) -> None:
    file = new_file(blob_id="blob_1", size_bytes=12)
    assert await Contents(store).extents(file) == [Extent("blob_1", 0, 12)]


async def test_a_file_of_parts_is_their_blobs_in_order(store: Store) -> None:
    file = await file_of_parts(store, b"abc", b"de")
    extents = await Contents(store).extents(file)
    assert [extent.size_bytes for extent in extents] == [3, 2]
    assert await whole(Contents(store).pieces(extents)) == b"abcde"


async def test_results_are_the_chunks_in_the_order_of_their_recording(store: Store) -> None:
    content = await Contents(store).of(await results_in_chunks(store, b"1\n2\n", b"3\n"))
    assert (content.line_counts, content.line_count) == ((2, 1), 3)
    assert await whole(Contents(store).pieces(list(content.extents))) == b"1\n2\n3\n"


@pytest.mark.parametrize(("lines", "is_growing"), [(3, True), (2, False)])
async def test_results_grow_until_the_batch_has_ended(
    store: Store, lines: int, is_growing: bool
) -> None:
    file = await results_in_chunks(store, b"1\n2\n", lines=lines)
    if not is_growing:
        assert await store.batches.complete("batch_1")
    assert (await Contents(store).of(file)).is_growing is is_growing


async def test_what_is_recorded_later_is_no_part_of_what_was_looked_at(store: Store) -> None:
    file = await results_in_chunks(store, b"1\n")
    content = await Contents(store).of(file)
    batch = await batch_of(store)
    (held,) = await store.segments.unfinished(batch.id)
    blob = await store.blobs.put(b"2\n")
    chunk = NewChunk(kind="output", blob_id=blob.id, size_bytes=2, line_numbers=[1])
    await store.segments.record(held, batch, results(chunk))
    assert content.size_bytes == 2
    assert (await Contents(store).of(file)).size_bytes == 4


async def test_the_results_of_a_batch_that_is_gone_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await Contents(store).extents(new_file(blob_id=None))


async def test_any_stretch_of_the_content_is_read(store: Store) -> None:
    file = await file_of_parts(store, b"abc", b"", b"de", b"fghi")
    extents = await Contents(store).extents(file)
    for start in range(10):
        assert await whole(Contents(store).pieces(extents, start=start)) == b"abcdefghi"[start:]
        for length in range(11):
            read = await whole(Contents(store).pieces(extents, start=start, length=length))
            assert read == b"abcdefghi"[start : start + length], (start, length)


async def test_blobs_outside_the_stretch_are_not_opened(store: Store) -> None:
    there = await store.blobs.put(b"cd")
    extents = [Extent("blob_gone", 0, 2), Extent(there.id, 0, 2), Extent("blob_gone", 0, 2)]
    assert await whole(Contents(store).pieces(extents, start=2, length=2)) == b"cd"
    with pytest.raises(BlobMissing):
        await whole(Contents(store).pieces(extents, start=2))


async def test_each_line_of_results_is_found(store: Store) -> None:
    file = await results_in_chunks(store, b"one\n2\n", b"\n", b"four\n5\n6\n")
    content = await Contents(store).of(file)
    starts = [await Contents(store).line_start(content, lines) for lines in range(9)]
    assert starts == [0, 4, 6, 7, 12, 14, 16, 16, 16]


async def test_each_line_of_an_uploaded_file_is_found(store: Store) -> None:
    content = await Contents(store).of(await file_of_parts(store, b"one\n2", b"\n\nfour\n5\n6"))
    starts = [await Contents(store).line_start(content, lines) for lines in range(8)]
    assert starts == [0, 4, 6, 7, 12, 14, 15, 15]


async def test_the_chunks_before_the_line_are_not_read(store: Store) -> None:
    there = await store.blobs.put(b"1000001\n1000002\n1000003\n")
    content = Content(
        extents=(Extent("blob_gone", 0, 8_000_000), Extent(there.id, 0, there.size_bytes)),
        line_counts=(1_000_000, 3),
    )
    contents = Contents(store)
    assert await contents.line_start(content, 1_000_000) == 8_000_000
    assert await contents.line_start(content, 1_000_002) == 8_000_016
    extents = list(content.extents)
    assert await whole(contents.pieces(extents, start=8_000_016)) == b"1000003\n"


async def test_what_is_received_becomes_a_blob_when_it_is_committed(store: Store) -> None:
    writer = await Contents(store).receive(in_pieces(b"ab", b"c"), max_bytes=3)
    blob = await writer.commit()
    assert await store.blobs.get(Extent(blob.id)) == b"abc"


async def test_what_is_too_large_leaves_nothing(store: Store) -> None:
    with pytest.raises(BodyTooLarge):
        await Contents(store).receive(in_pieces(b"ab", b"cd"), max_bytes=3)
    assert await blob_names(store) == []


async def test_what_breaks_off_leaves_nothing(store: Store) -> None:
    class CallerLeft(Exception):
        """What the edge raises when its caller goes away."""

    async def torn() -> AsyncIterator[bytes]:
        yield b"ab"
        raise CallerLeft

    with pytest.raises(CallerLeft):
        await Contents(store).receive(torn(), max_bytes=9)
    assert await blob_names(store) == []


async def test_a_file_with_another_name_for_a_blob_holds_the_same(store: Store) -> None:
    file = new_file(blob_id=(await store.blobs.put(b"abc")).id, size_bytes=3)
    for each in (file, replace(file, id="file-2")):
        extents = await Contents(store).extents(each)
        assert await whole(Contents(store).pieces(extents)) == b"abc"
