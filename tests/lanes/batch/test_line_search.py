"""Many custom ids found in one reading of an index, few of them one by one: the same places."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from forebay.lanes.batch.custom_ids import RECORD_BYTES, HashedRecords, hash_of
from forebay.lanes.batch.line_index import encode_place, index_extent
from forebay.lanes.batch.line_search import FEW, batched, find_all
from forebay.lanes.batch.segment_writer import write_index
from forebay.store.blobs import Blobs, Extent

SEGMENT_LINES = 256


class Pieces:
    """Blobs that are read in pieces of an odd size, as another store may give them."""

    def __init__(self, blobs: Blobs, size: int) -> None:
        self._blobs = blobs
        self._size = size
        self.readings = 0

    async def get(self, extent: Extent) -> bytes:
        self.readings += 1
        return await self._blobs.get(extent)

    async def read(self, extent: Extent) -> AsyncIterator[bytes]:
        self.readings += 1
        content = await self._blobs.get(extent)
        for at in range(0, len(content), self._size):
            yield content[at : at + self._size]


async def index_of(blobs: Blobs, folder: Path, count: int) -> Extent:
    """Return an index in which line 0 has the custom id "row-0", and so on."""
    records = HashedRecords(folder)
    for line in range(count):
        records.add(hash_of(f"row-{line}"), encode_place(*divmod(line, SEGMENT_LINES)))
    return index_extent(await write_index(blobs, records), lines=count)


@pytest.mark.parametrize(
    ("wanted", "piece"),
    [(1, 100_000), (FEW, 100_000), (FEW + 1, 7), (500, RECORD_BYTES * 100), (5000, 100_000)],
)
async def test_each_line_is_found_whatever_the_number(
    blobs: Blobs, tmp_path: Path, wanted: int, piece: int
) -> None:
    index = await index_of(blobs, tmp_path, 5000)
    names = [f"row-{line}" for line in range(0, 5000, 5000 // wanted)]
    found = await find_all(cast(Blobs, Pieces(blobs, piece)), index, names)
    assert found == {name: divmod(int(name[4:]), SEGMENT_LINES) for name in names}


async def test_what_the_batch_does_not_have_is_left_out(blobs: Blobs, tmp_path: Path) -> None:
    index = await index_of(blobs, tmp_path, 300)
    few = await find_all(blobs, index, ["row-1", "none", ""])
    many = await find_all(blobs, index, ["row-1", *(f"none-{number}" for number in range(99))])
    assert few == many == {"row-1": (0, 1)}


async def test_many_are_found_in_one_reading(blobs: Blobs, tmp_path: Path) -> None:
    index = await index_of(blobs, tmp_path, 2000)
    counted = Pieces(blobs, 10_000)
    await find_all(cast(Blobs, counted), index, [f"row-{line}" for line in range(1000)])
    assert counted.readings == 1


async def test_nothing_is_found_in_an_index_of_nothing(blobs: Blobs, tmp_path: Path) -> None:
    index = await index_of(blobs, tmp_path, 0)
    assert await find_all(blobs, index, [f"row-{line}" for line in range(FEW + 1)]) == {}


def test_values_come_in_lists_of_a_size() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched([], 2)) == []
