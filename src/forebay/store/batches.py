"""Batches: who may change what.

A batch's status moves only by the guarded updates of `batches.sql`: each names the statuses that it
may leave, so of two that race one changes nothing and returns False. Whoever is to be told of an
end by webhook is owed that by the same transaction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from forebay.core.batches import Batch, BatchApi, BatchStatus, NewBatch
from forebay.core.clock import Clock, Instant
from forebay.core.ids import NewId
from forebay.core.webhooks import EventType
from forebay.dialects.wire import encode
from forebay.store.blobs import Extent
from forebay.store.database import Database, Operation, Tx
from forebay.store.deliveries import owe_of_batch
from forebay.store.records import record
from forebay.store.signals import Signals, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """Some lines of one model: a stretch of a blob, or the whole of it when it has no size.

    `input_tokens` is an estimate of their prompts, and `prefix` tells prompts that begin alike.
    """

    ordinal: int
    model: str
    blob_id: str
    offset_bytes: int = 0
    size_bytes: int | None = None
    line_count: int
    input_tokens: int = 0
    prefix: str = ""

    @property
    def extent(self) -> Extent:
        """Where its lines are."""
        return Extent(self.blob_id, self.offset_bytes, self.size_bytes)


class Batches:
    """The batches in a database."""

    def __init__(
        self, database: Database, *, clock: Clock, new_id: NewId, signals: Signals
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._signals = signals

    async def create(self, batch: NewBatch, *, first: Operation[None] | None = None) -> None:
        """Keep a batch to be validated; it is on disk when this returns.

        `first` runs in the same transaction before it, and keeps it from happening by raising.
        """

        async def create(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await tx.run("create_batch", **asdict(batch) | {"api": batch.api.value})

        await self._database.write(create)

    async def get(self, project_id: str, batch_id: str) -> Batch | None:
        """Return the project's batch of that id."""
        rows = await self._database.read("get_batch", id=batch_id, project_id=project_id)
        return record(rows[0], Batch) if rows else None

    async def of_file(self, project_id: str, file_id: str) -> Batch | None:
        """Return the batch whose output or error file this is."""
        rows = await self._database.read(
            "get_batch_of_file", project_id=project_id, file_id=file_id
        )
        return record(rows[0], Batch) if rows else None

    async def page(
        self,
        project_id: str,
        *,
        after: str | None,
        limit: int,
        api: BatchApi = BatchApi.BATCHES,
    ) -> list[Batch]:
        """Return the project's batches, newest first, that come after the batch `after`."""
        rows = await self._database.read(
            "list_batches", project_id=project_id, api=api.value, after=after, limit=limit
        )
        return [record(row, Batch) for row in rows]

    async def page_before(
        self, project_id: str, *, before: str, limit: int, api: BatchApi
    ) -> list[Batch]:
        """Return the project's batches, newest first, that come just before the batch `before`."""
        rows = await self._database.read(
            "list_batches_before", project_id=project_id, api=api.value, before=before, limit=limit
        )
        return [record(row, Batch) for row in reversed(rows)]

    async def in_status(self, status: BatchStatus) -> list[Batch]:
        """Return every batch in this status, oldest first."""
        rows = await self._database.read("list_batches_in", status=status.value)
        return [record(row, Batch) for row in rows]

    async def to_close(self, *, now: Instant) -> list[Batch]:
        """Return every batch that is to end now: it cancels, is expired, or has every result."""
        rows = await self._database.read("list_batches_to_close", now=now)
        return [record(row, Batch) for row in rows]

    async def next_expiry(self, *, now: Instant) -> Instant | None:
        """Return when the first of the batches in progress expires that has not expired yet."""
        (row,) = await self._database.read("next_batch_expiry", now=now)
        expires_at = row["expires_at"]
        return None if expires_at is None else Instant(int(expires_at))

    async def begin(
        self, batch: Batch, segments: list[NewSegment], *, index_blob_id: str | None = None
    ) -> bool:
        """Move a validated batch to in_progress with its segments; False if it was cancelled."""
        now = self._clock.now()
        models = {segment.model for segment in segments}
        model = models.pop() if len(models) == 1 else None
        rows = encode([_segment_row(self._new_id("seg_"), segment) for segment in segments])

        async def begin(tx: Tx) -> bool:
            began = await tx.run(
                "begin_batch",
                id=batch.id,
                now=now,
                total_count=sum(segment.line_count for segment in segments),
                model=model,
                index_blob_id=index_blob_id,
            )
            if began:
                await tx.run(
                    "add_segments",
                    batch_id=batch.id,
                    band_rank=batch.band_rank,
                    deadline_at=batch.deadline_at,
                    segments=rows.decode(),
                )
            return bool(began)

        return await self._database.write(begin)

    async def fail(self, batch_id: str, *, errors: str) -> bool:
        """Fail a batch whose input did not validate; `errors` is JSON."""
        return await self._end("fail_batch", batch_id, EventType.BATCH_FAILED, errors=errors)

    async def cancel(self, batch: Batch) -> bool:
        """Begin to cancel; False when the batch is past that."""
        return await self._move("cancel_batch", batch.id, project_id=batch.project_id)

    async def complete(self, batch_id: str, *, keep_until: Instant | None = None) -> bool:
        """End a finalizing batch; its files are kept until then, or for ever."""
        return await self._end(
            "complete_batch", batch_id, EventType.BATCH_COMPLETED, keep_until=keep_until
        )

    async def expire(self, batch_id: str, *, keep_until: Instant | None = None) -> bool:
        """End a batch whose expiry has come, keeping what is done as `complete` does."""
        return await self._end(
            "expire_batch", batch_id, EventType.BATCH_EXPIRED, keep_until=keep_until
        )

    async def end_cancelled(self, batch_id: str, *, keep_until: Instant | None = None) -> bool:
        """End a cancelling batch, keeping what is done as `complete` does."""
        return await self._end(
            "end_cancelled_batch", batch_id, EventType.BATCH_CANCELLED, keep_until=keep_until
        )

    async def delete(self, project_id: str, batch_id: str) -> bool:
        """Hide a batch that has ended; False when it has not, or is not there."""
        return await self._move("delete_batch", batch_id, project_id=project_id)

    async def _move(self, query: str, batch_id: str, **values: str | None) -> bool:
        now = self._clock.now()

        async def move(tx: Tx) -> bool:
            return bool(await tx.run(query, id=batch_id, now=now, **values))

        return await self._database.write(move)

    async def _end(
        self,
        query: str,
        batch_id: str,
        type: EventType,
        *,
        keep_until: Instant | None = None,
        **values: str | None,
    ) -> bool:
        now = self._clock.now()

        async def end(tx: Tx) -> tuple[bool, bool]:
            rows = await tx.run(query, id=batch_id, now=now, **values)
            if not rows:
                return False, False
            project_id = str(rows[0]["project_id"])
            if keep_until is not None:
                await tx.run("end_batch_files", id=batch_id, expires_at=keep_until)
            return True, await owe_of_batch(
                tx,
                type=type,
                project_id=project_id,
                batch_id=batch_id,
                ended_at=now,
                new_id=self._new_id,
            )

        has_ended, is_owed = await self._database.write(end)
        if is_owed:
            self._signals.send(Topic.OWED)
        return has_ended


def _segment_row(id: str, segment: NewSegment) -> dict[str, str | int | None]:
    """Return what the segment's row is made of; a large batch has thousands, so without detours."""
    return {
        "id": id,
        "ordinal": segment.ordinal,
        "model": segment.model,
        "blob_id": segment.blob_id,
        "offset_bytes": segment.offset_bytes,
        "size_bytes": segment.size_bytes,
        "line_count": segment.line_count,
        "input_tokens": segment.input_tokens,
        "prefix": segment.prefix,
    }
