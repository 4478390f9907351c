"""The closer: ends batches, whichever way they end.

A batch is finalized when every line has a recorded result. One that is cancelled, or whose expiry
has come, is first stopped; its lines without a result then get one that says so, in the error file.
"""

from __future__ import annotations

import asyncio
import logging

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Clock
from forebay.lanes.batch.line_runner import CANCELLED, EXPIRED, LineRunner
from forebay.lanes.batch.lines import decode_lines
from forebay.lanes.batch.results import ResultBuffer
from forebay.lanes.batch.worker import BatchWorker
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.wake import log_failure, repeat
from forebay.store.segments import SegmentRecord
from forebay.store.signals import Topic
from forebay.store.store import Store

log = logging.getLogger(__name__)

LONGEST_IDLE_S = 10.0


class Closer:
    """Ends batches."""

    def __init__(
        self,
        worker: BatchWorker,
        runner: LineRunner,
        store: Store,
        leases: LeaseKeeper,
        control: Control,
        *,
        clock: Clock,
        wake: asyncio.Event,
    ) -> None:
        self._worker = worker
        self._runner = runner
        self._store = store
        self._leases = leases
        self._control = control
        self._clock = clock
        self._wake = wake

    async def run(self) -> None:
        """End batches for ever."""
        await repeat(self._close_all, wake=self._wake, doing="closing")

    async def _close_all(self) -> float:
        if not self._control.holds(HOUSEKEEPING):
            return LONGEST_IDLE_S
        for status, close in (
            (BatchStatus.CANCELLING, self._close_cancelled),
            (BatchStatus.IN_PROGRESS, self._close_if_over),
            (BatchStatus.FINALIZING, self._complete),
        ):
            for batch in await self._store.batches.in_status(status):
                try:
                    await close(batch)
                except Exception as error:
                    # One batch that cannot be closed must not hold back the others.
                    log_failure("closing", error, batch_id=batch.id)
        return LONGEST_IDLE_S

    async def _close_cancelled(self, batch: Batch) -> None:
        if await self._end_lines(batch, *CANCELLED):
            await self._store.batches.end_cancelled(batch.id)
            log.info("batch cancelled", extra={"batch_id": batch.id})

    async def _close_if_over(self, batch: Batch) -> None:
        if batch.completed_count + batch.failed_count == batch.total_count:
            await self._store.batches.finalize(batch.id)
        elif batch.expires_at <= self._clock.now() and await self._end_lines(batch, *EXPIRED):
            await self._store.batches.expire(batch.id)
            log.info("batch expired", extra={"batch_id": batch.id})

    async def _complete(self, batch: Batch) -> None:
        await self._store.batches.complete(batch.id)
        log.info("batch completed", extra={"batch_id": batch.id})

    async def _end_lines(self, batch: Batch, code: str, message: str) -> bool:
        """Give every line without a result one that says why; False if some could not be had."""
        await self._worker.stop(batch.id)
        # Whoever else runs some of it gives that back now, and tells by what it records.
        self._store.signals.send(Topic.CANCELLED, batch.id)
        is_done = True
        for segment in await self._store.segments.unfinished(batch.id):
            held = await self._store.segments.hold(segment, lease_expires_at=self._leases.until())
            if held is None:
                is_done = False
            else:
                await self._end_segment(batch, held, code, message)
        return is_done

    async def _end_segment(
        self, batch: Batch, segment: SegmentRecord, code: str, message: str
    ) -> None:
        buffer = ResultBuffer(self._store, segment, batch, clock=self._clock)
        ended = await self._store.segments.ended_lines(segment.id)
        lines = decode_lines(await self._store.blobs.get(segment.extent))
        for number, line in enumerate(lines):
            if number not in ended:
                buffer.add(self._runner.unanswered(number, line, code, message))
        await buffer.flush()
