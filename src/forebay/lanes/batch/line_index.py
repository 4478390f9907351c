"""The index of a plan: where in its segments each custom id is.

A blob of records of one size, sorted by the hash of the custom id. Hashes are spread evenly, so the
place of one is known nearly: one reading of a few kilobytes finds it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from struct import Struct

from forebay.lanes.batch.custom_ids import HASH_BYTES, RECORD_BYTES, hash_of
from forebay.store.blobs import Blobs, Extent

_PLACE = Struct(">II")
_SPREADS = 4  # further off than that is one hash of sixteen thousand
_LEAST_RECORDS = 64


def encode_place(ordinal: int, number: int) -> bytes:
    """Return a line's segment and its number there as a record's rest."""
    return _PLACE.pack(ordinal, number)


def index_extent(blob_id: str, *, lines: int) -> Extent:
    """Return the index of a batch of so many lines."""
    return Extent(blob_id, 0, lines * RECORD_BYTES)


async def find(blobs: Blobs, index: Extent, custom_id: str) -> tuple[int, int] | None:
    """Return the ordinal of the segment that holds the custom id, and its line's number there."""
    assert index.size_bytes is not None, "an index is read by its size"
    total = index.size_bytes // RECORD_BYTES
    wanted = hash_of(custom_id)
    share = int.from_bytes(wanted[:8]) / 2**64
    guess = round(share * total)
    reach = _LEAST_RECORDS + math.ceil(_SPREADS * math.sqrt(total * share * (1 - share)))
    bottom, top = 0, total
    while bottom < top:
        low = min(max(bottom, guess - reach), top - 1)
        high = max(min(top, guess + reach), low + 1)
        records = await _records(blobs, index, low, high)
        if wanted < records[0][:HASH_BYTES]:
            top = low
        elif wanted > records[-1][:HASH_BYTES]:
            bottom = high
        else:
            record = records[bisect_left(records, wanted)]
            return decode_place(record) if record.startswith(wanted) else None
        reach *= 2
    return None


async def _records(blobs: Blobs, index: Extent, low: int, high: int) -> list[bytes]:
    start = index.offset_bytes + low * RECORD_BYTES
    content = await blobs.get(Extent(index.blob_id, start, (high - low) * RECORD_BYTES))
    return [content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES)]


def decode_place(record: bytes) -> tuple[int, int]:
    """Return the ordinal of a record's segment, and the number of its line there."""
    ordinal, number = _PLACE.unpack(record[HASH_BYTES:])
    return ordinal, number
