"""Results of a segment's lines: gathered in memory, flushed as chunks, real once recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import Clock
from forebay.core.errors import LeaseLost
from forebay.core.money import Usage
from forebay.lanes.batch.bill import Bill
from forebay.lanes.batch.room import Room
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.chunks import NewChunk, Results, Tally
from forebay.store.database import StoreFailed
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store

FULL_LINES = 256
FULL_BYTES = 1024 * 1024

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """The result of line `number` of a segment, as its file will hold it.

    `retries` counts the attempts after the first; `waste` is what those cost that gave no result.
    """

    number: int
    line: bytes
    outcome: LineOutcome
    usage: Usage = NO_USAGE
    cost_nanos: int = 0
    retries: int = 0
    waste: Usage = NO_USAGE
    waste_nanos: int = 0


@dataclass(frozen=True, slots=True)
class _Written:
    """The results of one flush whose chunks are on disk, but perhaps not recorded."""

    lines: list[LineResult]
    results: Results


class ResultBuffer:
    """The results of one segment that are not recorded yet. They take of the `room`."""

    def __init__(
        self,
        store: Store,
        segment: SegmentRecord,
        batch: Batch,
        *,
        clock: Clock,
        room: Room | None = None,
    ) -> None:
        self._store = store
        self._segment = segment
        self._batch = batch
        self._bill = Bill(segment, batch, clock=clock)
        self._room = room or Room()
        self._one_at_a_time = asyncio.Lock()
        self._pending: list[LineResult] = []
        self._pending_bytes = 0
        self._written: _Written | None = None

    def add(self, result: LineResult) -> None:
        """Gather one result."""
        self._pending.append(result)
        self._pending_bytes += len(result.line)
        self._room.take(len(result.line))

    @property
    def is_empty(self) -> bool:
        """Whether every result is recorded."""
        return not self._pending

    @property
    def is_full(self) -> bool:
        """Whether a chunk should be flushed without waiting for its age."""
        return len(self._pending) >= FULL_LINES or self._pending_bytes >= FULL_BYTES

    async def flush(self) -> bool:
        """Write what gathered as chunks and record them; tells if the batch has all its results.

        Raises `LeaseLost` or `StoreFailed`; the results are kept then. A cancellation takes effect
        after the flush, because it has to be known what was recorded.
        """
        return await uninterrupted(self._flush())

    def drop(self) -> list[LineResult]:
        """Forget what gathered; returns it, but for what may be recorded although nobody said so.

        What was written of it stays for whoever sweeps what nothing names.
        """
        kept = 0 if self._written is None else len(self._written.lines)
        dropped = self._pending[kept:]
        self._forget(len(self._pending))
        self._written = None
        return dropped

    async def _flush(self) -> bool:
        has_all = False
        async with self._one_at_a_time:
            left = len(self._pending)  # what comes meanwhile is for the next flush
            while left > 0:
                if self._written is None:
                    self._written = await self._write(self._next(left))
                has_all = await self._record(self._written)
                left -= len(self._written.lines)
                self._forget(len(self._written.lines))
                self._written = None
        return has_all

    def _next(self, at_most: int) -> list[LineResult]:
        """Return the first of the results, as many as a chunk holds."""
        size_bytes = 0
        for count, result in enumerate(self._pending[: min(at_most, FULL_LINES)]):
            size_bytes += len(result.line)
            if count and size_bytes > FULL_BYTES:
                return self._pending[:count]
        return self._pending[: min(at_most, FULL_LINES)]

    def _forget(self, count: int) -> None:
        for result in self._pending[:count]:
            self._pending_bytes -= len(result.line)
            self._room.give_back(len(result.line))
        del self._pending[:count]

    async def _record(self, written: _Written) -> bool:
        try:
            return await self._store.segments.record(self._segment, self._batch, written.results)
        except LeaseLost:
            # It is certain that nothing names them. After `StoreFailed` it is not: the same chunks
            # are then recorded again, which is done once whatever became of the first time.
            self._written = None
            await self._delete(written.results.output, written.results.errors)
            raise

    async def _write(self, lines: list[LineResult]) -> _Written:
        """Write the chunks of both kinds at the same time; leaves none behind when one fails."""
        made = await asyncio.gather(
            self._chunk("output", [line for line in lines if line.outcome.has_output]),
            self._chunk("error", [line for line in lines if not line.outcome.has_output]),
            return_exceptions=True,
        )
        chunks = [None if isinstance(chunk, BaseException) else chunk for chunk in made]
        for failure in made:
            if isinstance(failure, BaseException):
                await self._delete(*chunks)
                raise failure
        return _Written(lines, self._results(lines, *chunks))

    async def _chunk(self, kind: str, lines: list[LineResult]) -> NewChunk | None:
        if not lines:
            return None
        blob = await self._store.blobs.put(b"".join([line.line for line in lines]))
        failed = [line.number for line in lines if line.outcome is LineOutcome.SCHEMA_FAILED]
        return NewChunk(
            kind=kind,
            blob_id=blob.id,
            size_bytes=blob.size_bytes,
            line_numbers=[line.number for line in lines],
            schema_failed=failed,
        )

    async def _delete(self, *chunks: NewChunk | None) -> None:
        for chunk in chunks:
            if chunk is not None:
                with suppress(StoreFailed):  # then it is swept later
                    await self._store.blobs.delete(chunk.blob_id)

    def _results(
        self, lines: list[LineResult], output: NewChunk | None, errors: NewChunk | None
    ) -> Results:
        usage = sum([line.usage for line in lines], NO_USAGE)
        cost_nanos = sum([line.cost_nanos for line in lines])
        tally = Tally(
            outcomes=Counter([line.outcome for line in lines]),
            retries=sum([line.retries for line in lines]),
            waste=sum([line.waste for line in lines if line.waste is not NO_USAGE], NO_USAGE),
            waste_nanos=sum([line.waste_nanos for line in lines]),
        )
        charge = None
        if output is not None:
            charge = self._bill.charge(output.blob_id, usage, cost_nanos)
        first = output or errors
        assert first is not None, "a flush has results"
        return Results(
            output=output,
            errors=errors,
            usage=usage,
            cost_nanos=cost_nanos,
            charge=charge,
            tally=tally,
            waste=self._bill.waste(f"{first.blob_id}/waste", tally),
        )
