"""The validator: takes batches from `validating` to `in_progress`, or to `failed`.

It has them planned, a few at a time, so that a huge input does not hold back a small one. A batch
stays `validating` when its planner cannot be had or a model may still come to be served; it fails
when its input is wrong, and when planners died of it several times.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Clock
from forebay.dialects.batches import LineError, errors_json
from forebay.lanes.batch.plan_job import Plan, PlanJob, PlannerDied
from forebay.lanes.batch.plan_jobs import InputRefused, PlanJobs, Told
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import log_failure, repeat
from forebay.store.store import Store

log = logging.getLogger(__name__)

LONGEST_IDLE_S = 30.0
AT_ONCE = 2
AFTER_FAILURE_S = 5.0
MOST_DEATHS = 3

MakePlan = Callable[[PlanJob], Awaitable[Plan]]


class Validator:
    """Validates batches, oldest first. `on_begun` is called after each that began."""

    def __init__(
        self,
        jobs: PlanJobs,
        plan: MakePlan,
        store: Store,
        control: Control,
        *,
        clock: Clock,
        on_begun: Callable[[], None],
        after_failure_s: float = AFTER_FAILURE_S,
    ) -> None:
        self._jobs = jobs
        self._plan = plan
        self._store = store
        self._control = control
        self._clock = clock
        self._on_begun = on_begun
        self._after_failure_s = after_failure_s
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._paused: set[str] = set()
        self._early: dict[str, Told] = {}
        self._deaths: dict[str, int] = {}

    def wake(self) -> None:
        """Look for batches to validate."""
        self._wake.set()

    async def run(self) -> None:
        """Validate for ever."""
        async with asyncio.TaskGroup() as tasks:

            async def look() -> float:
                return await self._look(tasks)

            await repeat(look, wake=self._wake, doing="validation")

    async def _look(self, tasks: asyncio.TaskGroup) -> float:
        if not self._control.holds(HOUSEKEEPING):
            return LONGEST_IDLE_S
        found = await self._store.batches.in_status(BatchStatus.VALIDATING)
        self._forget_all_but({batch.id for batch in found})
        for batch in found:
            if len(self._running) >= AT_ONCE:
                break
            if batch.id not in self._running and self._is_due(batch):
                task = tasks.create_task(self._validate(batch))
                self._running[batch.id] = task
                task.add_done_callback(partial(self._let_go, batch.id))
        return LONGEST_IDLE_S

    def _forget_all_but(self, batch_ids: set[str]) -> None:
        for batch_id, task in self._running.items():
            if batch_id not in batch_ids:
                task.cancel()  # the batch was; whatever is being written is written to its end
        for known in (self._early, self._deaths):
            for batch_id in known.keys() - batch_ids:
                del known[batch_id]

    def _is_due(self, batch: Batch) -> bool:
        if batch.id in self._paused:
            return False
        return self._has_expired(batch) or self._early.get(batch.id) != self._jobs.told()

    def _let_go(self, batch_id: str, _: asyncio.Task[None]) -> None:
        del self._running[batch_id]
        self._wake.set()

    async def _validate(self, batch: Batch) -> None:
        told = self._jobs.told()
        try:
            plan = await self._planned(batch)
            if plan.is_untold:
                self._early[batch.id] = told
            else:
                await uninterrupted(self._settle(batch, plan))
        except Exception as error:
            # One input that cannot be read must not hold back the batches behind it.
            log_failure("validation", error, batch_id=batch.id)
            self._pause(batch.id)

    async def _planned(self, batch: Batch) -> Plan:
        if self._has_expired(batch):
            return _expired()
        try:
            return await self._plan(await self._jobs.make(batch))
        except InputRefused as refused:
            return Plan(errors=[refused.error])
        except PlannerDied:
            deaths = self._deaths[batch.id] = self._deaths.get(batch.id, 0) + 1
            if deaths < MOST_DEATHS:
                raise
            log.exception("batch given up", extra={"batch_id": batch.id, "deaths": deaths})
            message = "The server had an error validating this batch; its input may be the reason."
            return Plan(errors=[LineError("server_error", message)])

    async def _settle(self, batch: Batch, plan: Plan) -> None:
        """Let the batch begin or fail; the blobs of a plan that will not be run are deleted."""
        errors = plan.errors
        if not errors and self._has_expired(batch):
            errors = _expired().errors
        if errors:
            await self._store.batches.fail(batch.id, errors=errors_json(errors))
            log.info("batch failed", extra={"batch_id": batch.id, "errors": len(errors)})
        elif await self._store.batches.begin(
            batch, plan.segments, index_blob_id=plan.index_blob_id
        ):
            log.info("batch begun", extra={"batch_id": batch.id, "segments": len(plan.segments)})
            self._on_begun()
            return
        for blob_id in plan.blob_ids:
            await self._store.blobs.delete(blob_id)

    def _has_expired(self, batch: Batch) -> bool:
        return batch.expires_at <= self._clock.now()

    def _pause(self, batch_id: str) -> None:
        self._paused.add(batch_id)
        asyncio.get_running_loop().call_later(self._after_failure_s, self._resume, batch_id)

    def _resume(self, batch_id: str) -> None:
        self._paused.discard(batch_id)
        self._wake.set()


def _expired() -> Plan:
    message = "The batch expired before its input could be validated."
    return Plan(errors=[LineError("batch_expired", message)])
