"""The closer: ends batches, whichever way they end.

A batch whose last result was recorded is finalizing, and completed by a move of its status: nothing
is copied or counted. One that is cancelled, or whose expiry has come, is first stopped; its lines
without a result then get one that says so, in the error file. Each is closed by a task of its own.
"""

from __future__ import annotations

import asyncio
import logging

from forebay.core.batches import Batch, BatchApi, BatchStatus, LineOutcome
from forebay.core.clock import Clock, Instant, after
from forebay.dialects.message_batches import RESULTS_LIFE_S
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.unrun_lines import UnrunLines
from forebay.lanes.batch.worker import BatchWorker
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.wake import AFTER_FAILURE_S, log_failure, repeat
from forebay.store.signals import Topic
from forebay.store.store import Store

log = logging.getLogger(__name__)

LONGEST_IDLE_S = 10.0


class Closer:
    """Ends batches. Their results are kept for `retention_s` after that, unless they say."""

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
        retention_s: float,
        after_failure_s: float = AFTER_FAILURE_S,
    ) -> None:
        self._worker = worker
        self._unrun_lines = UnrunLines(runner, store, leases, clock=clock)
        self._store = store
        self._control = control
        self._clock = clock
        self._wake = wake
        self._retention_s = retention_s
        self._after_failure_s = after_failure_s
        self._closing: set[str] = set()
        self._met_again: set[str] = set()

    async def run(self) -> None:
        """End batches for ever."""
        async with asyncio.TaskGroup() as tasks:

            async def look() -> float:
                return await self._look(tasks)

            await repeat(look, wake=self._wake, doing="closing")

    async def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Begin to close what is to end; returns how long nothing else can come to its expiry."""
        if not self._control.holds(HOUSEKEEPING):
            return LONGEST_IDLE_S
        now = self._clock.now()
        for batch in await self._store.batches.to_close(now=now):
            if batch.id in self._closing:
                self._met_again.add(batch.id)
            else:
                self._closing.add(batch.id)
                tasks.create_task(self._close(batch))
        expiry = await self._store.batches.next_expiry(now=now)
        if expiry is None:
            return LONGEST_IDLE_S
        return min(LONGEST_IDLE_S, (expiry - self._clock.now()) / 1000)

    async def _close(self, batch: Batch) -> None:
        try:
            match batch.status:
                case BatchStatus.CANCELLING:
                    await self._cancel(batch)
                case BatchStatus.FINALIZING:
                    await self._finish(batch)
                case _:
                    await self._expire(batch)
        except Exception as error:
            # One batch that cannot be closed must not hold back the others.
            log_failure("closing", error, batch_id=batch.id)
            # Tried again at once, it would fail again, and leave results without a name behind.
            await asyncio.sleep(self._after_failure_s)
            self._met_again.add(batch.id)
        finally:
            self._closing.discard(batch.id)
        if batch.id in self._met_again:
            self._met_again.discard(batch.id)
            self._wake.set()

    async def _cancel(self, batch: Batch) -> None:
        if await self._end_lines(batch, LineOutcome.CANCELLED):
            keep_until = self._keep_until(batch)
            await self._store.batches.end_cancelled(batch.id, keep_until=keep_until)
            log.info("batch cancelled", extra={"batch_id": batch.id})

    async def _expire(self, batch: Batch) -> None:
        if await self._end_lines(batch, LineOutcome.EXPIRED):
            await self._end_expired(batch)

    async def _finish(self, batch: Batch) -> None:
        assert batch.finalizing_at is not None
        if batch.finalizing_at >= batch.expires_at:
            # Its last results came too late, most likely from here, before a crash.
            await self._end_expired(batch)
            return
        await self._store.batches.complete(batch.id, keep_until=self._keep_until(batch))
        log.info("batch completed", extra={"batch_id": batch.id})

    async def _end_expired(self, batch: Batch) -> None:
        await self._store.batches.expire(batch.id, keep_until=self._keep_until(batch))
        log.info("batch expired", extra={"batch_id": batch.id})

    async def _end_lines(self, batch: Batch, outcome: LineOutcome) -> bool:
        """Give every line without a result one that says why; False if some could not be had."""
        await self._worker.stop(batch.id)
        # Whoever else runs some of it gives that back now, and tells when it has.
        self._store.signals.send(Topic.CANCELLED, batch.id)
        return await self._unrun_lines.end(batch, outcome)

    def _keep_until(self, batch: Batch) -> Instant:
        """Return how long the results are kept of a batch that ends now."""
        now = self._clock.now()
        if batch.api is BatchApi.MESSAGE_BATCHES:
            return max(now, after(batch.created_at, RESULTS_LIFE_S))
        if batch.output_expires_after_s is not None:
            return after(now, batch.output_expires_after_s)
        return after(now, self._retention_s)
