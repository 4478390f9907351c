"""The lines of batches that have an error as their result: what a retry runs again."""

from __future__ import annotations

import msgspec

from forebay.store.blobs import Extent
from forebay.store.database import Database
from forebay.store.records import record

CHUNKS_A_READ = 128  # some ten thousand numbers: the event loop has its turn between them


class FailedLines:
    """The failed lines in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, batch_id: str) -> list[tuple[Extent, list[int]]]:
        """Return where the segments are that have such lines, in their order, and these' numbers.

        The numbers are in no order.
        """
        failed: dict[int, tuple[Extent, list[int]]] = {}
        last_id, is_over = 0, False
        while not is_over:
            rows = await self._database.read(
                "list_failed_lines", batch_id=batch_id, after_id=last_id, limit=CHUNKS_A_READ
            )
            for row in rows:
                chunk = record(row, _ErrorChunk)
                _, numbers = failed.setdefault(chunk.ordinal, (chunk.extent, []))
                numbers += msgspec.json.decode(chunk.line_numbers, type=list[int])
                last_id = chunk.id
            is_over = len(rows) < CHUNKS_A_READ
        return [failed[ordinal] for ordinal in sorted(failed)]


class _ErrorChunk(msgspec.Struct):
    id: int
    ordinal: int
    blob_id: str
    offset_bytes: int
    size_bytes: int | None
    line_numbers: str

    @property
    def extent(self) -> Extent:
        return Extent(self.blob_id, self.offset_bytes, self.size_bytes)
