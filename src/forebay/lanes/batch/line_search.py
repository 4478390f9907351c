"""Many custom ids in the index of a plan at once: hashes in order, found in one reading of it."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from forebay.lanes.batch.custom_ids import HASH_BYTES, RECORD_BYTES, hash_of
from forebay.lanes.batch.line_index import decode_place, find
from forebay.store.blobs import Blobs, Extent

T = TypeVar("T")

FEW = 32  # ids that are looked up one by one, instead of reading the whole index
IDS_A_TURN = 1000  # before the event loop gets its turn

Place = tuple[int, int]
"""The ordinal of a segment, and the number of a line in it."""


async def find_all(blobs: Blobs, index: Extent, custom_ids: Collection[str]) -> dict[str, Place]:
    """Return where each of these custom ids is; those that the batch does not have are left out."""
    if len(custom_ids) <= FEW:
        found = [(custom_id, await find(blobs, index, custom_id)) for custom_id in custom_ids]
        return {custom_id: place for custom_id, place in found if place is not None}
    wanted: list[bytes] = []
    for some in batched(custom_ids, IDS_A_TURN):
        wanted += [hash_of(custom_id) + custom_id.encode() for custom_id in some]
        await asyncio.sleep(0)
    wanted.sort()
    places: dict[str, Place] = {}
    at = 0
    async for records in _whole_records(blobs.read(index)):
        end = bisect_right(wanted, records[-1][:HASH_BYTES], lo=at, key=_hash)
        for hashed in batched(wanted[at:end], IDS_A_TURN):
            places |= _found(records, hashed)
            await asyncio.sleep(0)
        at = end
    return places


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the values in lists of so many, the last one shorter."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


async def _whole_records(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield the records of each piece; what is cut comes with the next."""
    rest = b""
    async for piece in pieces:
        rest += piece
        end = len(rest) - len(rest) % RECORD_BYTES
        if end:
            yield [rest[at : at + RECORD_BYTES] for at in range(0, end, RECORD_BYTES)]
        rest = rest[end:]


def _found(records: list[bytes], wanted: list[bytes]) -> dict[str, Place]:
    places = {}
    for hashed in wanted:
        hash = _hash(hashed)
        at = bisect_left(records, hash)
        if at < len(records) and records[at].startswith(hash):
            ordinal, number = decode_place(records[at])
            places[hashed[HASH_BYTES:].decode()] = ordinal, number
    return places


def _hash(hashed: bytes) -> bytes:
    return hashed[:HASH_BYTES]
