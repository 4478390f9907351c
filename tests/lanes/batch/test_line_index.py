"""The index of a plan: it finds every custom id of the batch with little reading, and no other."""

from __future__ import annotations

from pathlib import Path

from forebay.lanes.batch.custom_ids import HashedRecords, hash_of
from forebay.lanes.batch.line_index import encode_place, find, index_extent
from forebay.lanes.batch.segment_writer import write_index
from forebay.store.blobs import Blobs, Extent
from forebay.store.local_blobs import LocalBlobs
from tests.fakes import CountingIds


class CountedBlobs(LocalBlobs):
    """Blobs that count what is read of them."""

    def __init__(self, folder: Path, *, new_id: CountingIds) -> None:
        super().__init__(folder, new_id=new_id, sync=lambda _: None)
        self.sizes: list[int | None] = []

    async def get(self, extent: Extent) -> bytes:
        """Return the whole of a stretch."""
        self.sizes.append(extent.size_bytes)
        return await super().get(extent)


async def indexed(blobs: Blobs, folder: Path, hashes: list[bytes]) -> Extent:
    """Return the index of lines with these hashes, all in one segment."""
    records = HashedRecords(folder)
    for number, hash in enumerate(hashes):
        records.add(hash, encode_place(3, number))
    return index_extent(await write_index(blobs, records), lines=len(hashes))


async def test_every_custom_id_is_found_and_no_other(blobs: Blobs, tmp_path: Path) -> None:
    ids = [f"row-{number}" for number in range(700)]
    index = await indexed(blobs, tmp_path, [hash_of(id) for id in ids])
    assert [await find(blobs, index, id) for id in ids] == [(3, n) for n in range(700)]
    assert [await find(blobs, index, f"other-{number}") for number in range(700)] == [None] * 700


async def test_an_index_of_nothing_finds_nothing(blobs: Blobs, tmp_path: Path) -> None:
    assert await find(blobs, await indexed(blobs, tmp_path, []), "a") is None


async def test_one_small_reading_finds_a_line_of_many(tmp_path: Path, new_id: CountingIds) -> None:
    blobs = CountedBlobs(tmp_path / "blobs", new_id=new_id)
    ids = [f"row-{number}" for number in range(20_000)]
    index = await indexed(blobs, tmp_path, [hash_of(id) for id in ids])
    assert await find(blobs, index, "row-12345") == (3, 12_345)
    assert len(blobs.sizes) == 1
    assert (blobs.sizes[0] or 0) < 40_000
    blobs.close()


async def test_hashes_that_lie_far_from_where_they_should_are_found_all_the_same(
    blobs: Blobs, tmp_path: Path
) -> None:
    wanted = hash_of("wanted")
    below = [b"\0" * 8 + number.to_bytes(8) for number in range(3000)]
    above = [b"\xff" * 8 + number.to_bytes(8) for number in range(3000)]
    for others in (below, above, [*below, *above]):
        index = await indexed(blobs, tmp_path, [*others, wanted])
        assert await find(blobs, index, "wanted") == (3, len(others))
        assert await find(blobs, index, "not there") is None
