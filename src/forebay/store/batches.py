"""Batches: who may change what.

A batch's status moves only by the guarded updates of `batches.sql`: each names the statuses that it
may leave, so of two that race one changes nothing and returns False. Whoever is to be told of an
end by webhook is owed that by the same transaction.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from forebay.core.batches import Batch, BatchStatus, NewBatch
from forebay.core.clock import Clock
from forebay.core.ids import NewId
from forebay.core.webhooks import EventType
from forebay.store.database import Database, Operation, Tx
from forebay.store.deliveries import owe_of_batch
from forebay.store.records import record
from forebay.store.signals import Signals, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """Some lines of one model, written to a blob."""

    ordinal: int
    model: str
    blob_id: str
    line_count: int


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
            await tx.run("create_batch", **asdict(batch))

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

    async def page(self, project_id: str, *, after: str | None, limit: int) -> list[Batch]:
        """Return the project's batches, newest first, that come after the batch `after`."""
        rows = await self._database.read(
            "list_batches", project_id=project_id, after=after, limit=limit
        )
        return [record(row, Batch) for row in rows]

    async def in_status(self, status: BatchStatus) -> list[Batch]:
        """Return every batch in this status, oldest first."""
        rows = await self._database.read("list_batches_in", status=status.value)
        return [record(row, Batch) for row in rows]

    async def begin(self, batch: Batch, segments: list[NewSegment]) -> bool:
        """Move a validated batch to in_progress with its segments; False if it was cancelled."""
        now = self._clock.now()
        models = {segment.model for segment in segments}
        model = models.pop() if len(models) == 1 else None

        async def begin(tx: Tx) -> bool:
            began = await tx.run(
                "begin_batch",
                id=batch.id,
                now=now,
                total_count=sum(segment.line_count for segment in segments),
                model=model,
            )
            for segment in segments if began else ():
                await tx.run(
                    "add_segment",
                    id=self._new_id("seg_"),
                    batch_id=batch.id,
                    band_rank=batch.band_rank,
                    deadline_at=batch.deadline_at,
                    **asdict(segment),
                )
            return bool(began)

        return await self._database.write(begin)

    async def fail(self, batch_id: str, *, errors: str) -> bool:
        """Fail a batch whose input did not validate; `errors` is JSON."""
        return await self._end("fail_batch", batch_id, EventType.BATCH_FAILED, errors=errors)

    async def cancel(self, batch: Batch) -> bool:
        """Begin to cancel; False when the batch is past that."""
        return await self._move("cancel_batch", batch.id, project_id=batch.project_id)

    async def finalize(self, batch_id: str) -> bool:
        """Move to finalizing, if every line has a recorded result."""
        return await self._move("finalize_batch", batch_id)

    async def complete(self, batch_id: str) -> bool:
        """End a finalizing batch."""
        return await self._end("complete_batch", batch_id, EventType.BATCH_COMPLETED)

    async def expire(self, batch_id: str) -> bool:
        """End a batch whose expiry has come, keeping what is done."""
        return await self._end("expire_batch", batch_id, EventType.BATCH_EXPIRED)

    async def end_cancelled(self, batch_id: str) -> bool:
        """End a cancelling batch, keeping what is done."""
        return await self._end("end_cancelled_batch", batch_id, EventType.BATCH_CANCELLED)

    async def _move(self, query: str, batch_id: str, **values: str | None) -> bool:
        now = self._clock.now()

        async def move(tx: Tx) -> bool:
            return bool(await tx.run(query, id=batch_id, now=now, **values))

        return await self._database.write(move)

    async def _end(self, query: str, batch_id: str, type: EventType, **values: str | None) -> bool:
        now = self._clock.now()

        async def end(tx: Tx) -> tuple[bool, bool]:
            rows = await tx.run(query, id=batch_id, now=now, **values)
            if not rows:
                return False, False
            project_id = str(rows[0]["project_id"])
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
