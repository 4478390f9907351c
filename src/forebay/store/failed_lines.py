"""The lines of batches that have an error as their result: what a retry runs again."""

from __future__ import annotations

import msgspec

from forebay.store.database import Database
from forebay.store.records import record
from forebay.store.segments import SegmentRecord


class FailedLines:
    """The failed lines in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, batch_id: str) -> list[tuple[SegmentRecord, list[int]]]:
        """Return the batch's segments that have such lines, each with their numbers in order."""
        rows = await self._database.read("list_failed_lines", batch_id=batch_id)
        failed: dict[str, tuple[SegmentRecord, list[int]]] = {}
        for row in rows:
            segment = record(row, SegmentRecord)
            _, numbers = failed.setdefault(segment.id, (segment, []))
            numbers += msgspec.json.decode(str(row["failed_numbers"]), type=list[int])
        return [(segment, sorted(numbers)) for segment, numbers in failed.values()]
