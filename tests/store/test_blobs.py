"""Blobs, wherever they are kept: immutable, and durable once committed."""

from __future__ import annotations

import hashlib

import pytest

from forebay.core.clock import SystemClock
from forebay.store.blobs import PIECE_BYTES, BlobMissing, Blobs, Extent, OwnedBlobs
from forebay.store.object_blobs import READ_BYTES
from forebay.store.object_writer import PART_BYTES

SKEW_MS = 60_000  # between this machine and whoever says when a blob was written


def counted(size_bytes: int) -> bytes:
    """Return bytes of which no two stretches are the same."""
    return b"".join(number.to_bytes(4, "big") for number in range(size_bytes // 4))


async def listed(blobs: Blobs) -> list[str]:
    """Return the ids of all blobs."""
    return sorted([blob_id async for blob_id, _ in blobs.listed()])


async def test_what_was_put_is_got(blobs: Blobs) -> None:
    blob = await blobs.put(b"content")
    assert await blobs.get(Extent(blob.id)) == b"content"
    assert blob.size_bytes == 7
    assert blob.sha256 == hashlib.sha256(b"content").hexdigest()


async def test_nothing_can_be_put_and_got(blobs: Blobs) -> None:
    blob = await blobs.put(b"")
    assert await blobs.get(Extent(blob.id)) == b""
    assert [piece async for piece in blobs.read(Extent(blob.id))] == []


async def test_a_blob_written_in_pieces_is_read_in_pieces(blobs: Blobs) -> None:
    writer = await blobs.create()
    await writer.write(b"a" * PIECE_BYTES)
    await writer.write(b"b" * 10)
    blob = await writer.commit()
    assert [len(piece) async for piece in blobs.read(Extent(blob.id))] == [PIECE_BYTES, 10]


@pytest.mark.parametrize("size_bytes", [PART_BYTES - 4, PART_BYTES, 2 * PART_BYTES + 4])
async def test_a_large_blob_is_what_was_written(blobs: Blobs, size_bytes: int) -> None:
    content = counted(size_bytes)
    writer = await blobs.create()
    for start in range(0, size_bytes, 100_000):
        await writer.write(content[start : start + 100_000])
    assert writer.sha256 == hashlib.sha256(content).hexdigest()
    blob = await writer.commit()
    assert (blob.size_bytes, blob.sha256) == (size_bytes, writer.sha256)
    pieces = [piece async for piece in blobs.read(Extent(blob.id))]
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES
    assert b"".join(pieces) == content


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (3, 9), (READ_BYTES - 3, READ_BYTES + 5), (10, 2 * READ_BYTES + 1)]
)
async def test_a_stretch_is_read_alone(blobs: Blobs, start: int, end: int) -> None:
    content = counted(2 * READ_BYTES + 4)
    extent = Extent((await blobs.put(content)).id, start, end - start)
    assert await blobs.get(extent) == content[start:end]
    assert b"".join([piece async for piece in blobs.read(extent)]) == content[start:end]


async def test_a_stretch_without_a_size_goes_to_the_end(blobs: Blobs) -> None:
    blob = await blobs.put(b"content")
    assert await blobs.get(Extent(blob.id, 3)) == b"tent"


@pytest.mark.parametrize(
    ("extent", "content"), [((5, 9), b"nt"), ((7, 2), b""), ((90, 2), b""), ((3, 0), b"")]
)
async def test_a_stretch_ends_with_its_blob(
    blobs: Blobs, extent: tuple[int, int], content: bytes
) -> None:
    blob = await blobs.put(b"content")
    assert await blobs.get(Extent(blob.id, *extent)) == content


@pytest.mark.parametrize("extent", [Extent("blob_none"), Extent("blob_none", 1, 2)])
async def test_a_blob_that_is_not_there_is_missing(blobs: Blobs, extent: Extent) -> None:
    with pytest.raises(BlobMissing):
        await blobs.get(extent)
    with pytest.raises(BlobMissing):
        await anext(blobs.read(extent))


async def test_a_deleted_blob_is_gone_and_may_be_deleted_again(blobs: Blobs) -> None:
    blob = await blobs.put(b"content")
    for _ in range(2):
        await blobs.delete(blob.id)
    with pytest.raises(BlobMissing):
        await blobs.get(Extent(blob.id))


async def test_what_is_committed_is_listed_with_its_time(blobs: Blobs) -> None:
    kept = [(await blobs.put(b"kept")).id for _ in range(3)]
    writer = await blobs.create()
    await writer.write(b"half")
    now = SystemClock().now()
    found = {blob_id: written_at async for blob_id, written_at in blobs.listed()}
    assert sorted(found) == sorted(kept)
    assert all(abs(written_at - now) < SKEW_MS for written_at in found.values())
    await writer.abandon()


@pytest.mark.parametrize("size_bytes", [4, 2 * PART_BYTES])
async def test_of_an_abandoned_blob_nothing_is_there(blobs: Blobs, size_bytes: int) -> None:
    writer = await blobs.create()
    await writer.write(b"x" * size_bytes)
    await writer.abandon()
    assert await listed(blobs) == []


async def test_a_mark_is_kept_once_and_is_no_blob(blobs: OwnedBlobs) -> None:
    assert await blobs.mark() is None
    for mark in ("first", "second"):
        await blobs.keep_mark(mark)
    assert await blobs.mark() == "first"
    assert await listed(blobs) == []
