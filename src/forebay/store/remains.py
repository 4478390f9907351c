"""What remains of batches that have ended: chunks of results, segments, an index of custom ids.

They are named here until their blobs are deleted, so a deletion that was cut short is begun again.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Clock, Instant
from forebay.dialects.wire import encode
from forebay.store.database import Database, Row, Tx
from forebay.store.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A batch that has ended, and which of its result files are still there."""

    id: str
    project_id: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    index_blob_id: str | None
    deleted_at: Instant | None
    has_output: bool
    has_errors: bool

    @property
    def is_deleted(self) -> bool:
        """Whether nobody sees it any more, so that nothing of it is to stay."""
        return self.deleted_at is not None

    @property
    def spent_kinds(self) -> list[str]:
        """The kinds of chunks that nobody can read any more."""
        kept = {"output": self.has_output, "error": self.has_errors}
        return [kind for kind, is_kept in kept.items() if self.is_deleted or not is_kept]


@dataclass(frozen=True, slots=True)
class Named:
    """Rows by their ids, and the blobs that they name."""

    ids: list[int | str]
    blob_ids: list[str]


class Remains:
    """What remains of batches in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, *, after: str, limit: int) -> list[Ended]:
        """Return batches that have ended and of which more than the row may be left, by their ids.

        Those whose lines are just being planned anew are left out.
        """
        rows = await self._database.read("list_remains", after=after, limit=limit)
        return [record(row, Ended) for row in rows]

    async def chunks(self, batch_id: str, kind: str, *, limit: int) -> Named:
        """Return some of the batch's chunks of that kind."""
        rows = await self._database.read(
            "list_chunk_blobs", batch_id=batch_id, kind=kind, limit=limit
        )
        return _named(rows)

    async def segments(self, batch_id: str, *, limit: int) -> Named:
        """Return some of the batch's segments."""
        rows = await self._database.read("list_segment_blobs", batch_id=batch_id, limit=limit)
        return _named(rows)

    async def forget_chunks(self, chunks: Named) -> None:
        """Delete these chunks, whose blobs are gone."""
        await self._run("delete_chunks", ids=encode(chunks.ids).decode())

    async def forget_segments(self, segments: Named) -> None:
        """Delete these segments, whose blobs are gone."""
        await self._run("delete_segments", ids=encode(segments.ids).decode())

    async def clear(self, batch_id: str) -> None:
        """Note that nothing but the row is left of a batch."""
        await self._run("clear_batch", id=batch_id, now=self._clock.now())

    async def forget(self, batch_id: str) -> None:
        """Delete the row of a batch that nobody sees any more."""
        await self._run("delete_batch_row", id=batch_id)

    async def _run(self, query: str, **values: str | int) -> None:
        async def run(tx: Tx) -> None:
            await tx.run(query, **values)

        await self._database.write(run)


def _named(rows: list[Row]) -> Named:
    ids = [row["id"] for row in rows]
    return Named(
        [each for each in ids if isinstance(each, int | str)],
        list(dict.fromkeys(str(row["blob_id"]) for row in rows)),
    )
