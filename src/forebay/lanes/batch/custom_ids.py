"""Custom ids by their hashes, in memory that does not grow with their number.

Of so many bits that nobody finds two ids with one hash, a hash is as good as its id.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from forebay.lanes.batch.spill import SpillFile

HASH_BYTES = 16
RECORD_BYTES = HASH_BYTES + 8
PENDING_RECORDS = 65_536
BUCKETS = 256


def hash_of(custom_id: str) -> bytes:
    """Return what stands for a custom id."""
    return blake2b(custom_id.encode(), digest_size=HASH_BYTES).digest()


class Duplicate(NamedTuple):
    """A line whose custom id an earlier line has too; both count from 1."""

    line: int
    first_line: int


class HashedRecords:
    """Records of a hash and eight bytes more, which come out sorted, a bucket at a time.

    Few of them never leave memory; more go to buckets on local disk, by their first byte.
    """

    def __init__(self, folder: Path, *, pending_records: int = PENDING_RECORDS) -> None:
        self._folder = folder
        self._most_pending = pending_records
        self._pending: list[bytes] = []
        self._spill: SpillFile | None = None
        self._stretches: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]

    def add(self, hash: bytes, rest: bytes) -> None:
        """Take a record."""
        self._pending.append(hash + rest)
        if len(self._pending) >= self._most_pending:
            self._spill = self._spill or SpillFile(self._folder)
            self._write_pending(self._spill)

    def buckets(self) -> Iterator[list[bytes]]:
        """Yield all records in order, some at a time."""
        if self._spill is None:
            self._pending.sort()
            yield self._pending
            return
        self._write_pending(self._spill)
        self._spill.flush()
        for stretches in self._stretches:
            content = b"".join([self._spill.read(start, size) for start, size in stretches])
            yield sorted(
                content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES)
            )

    def duplicates(self, *, most: int) -> list[Duplicate]:
        """Return the first lines whose custom id an earlier line has.

        For records whose rest is the number of a line.
        """
        return heapq.nsmallest(most, self._all_duplicates())

    def close(self) -> None:
        """Forget everything."""
        self._pending.clear()
        if self._spill is not None:
            self._spill.close()

    def _all_duplicates(self) -> Iterator[Duplicate]:
        for records in self.buckets():
            first = b""
            for record in records:
                if first[:HASH_BYTES] == record[:HASH_BYTES]:
                    yield Duplicate(_number(record), _number(first))
                else:
                    first = record

    def _write_pending(self, spill: SpillFile) -> None:
        self._pending.sort()
        start = 0
        for bucket, stretches in enumerate(self._stretches, 1):
            is_last = bucket == BUCKETS
            end = len(self._pending) if is_last else bisect_left(self._pending, bytes([bucket]))
            if end > start:
                content = b"".join(self._pending[start:end])
                stretches.append((spill.size_bytes, len(content)))
                spill.write(content)
            start = end
        self._pending.clear()


def _number(record: bytes) -> int:
    return int.from_bytes(record[HASH_BYTES:])
