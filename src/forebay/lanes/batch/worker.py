"""The batch worker: claims segments and runs them.

For each model a feeder opens the next segment as soon as every line of the one before has a slot,
so the tail of one segment and the head of the next run side by side. After a crash only the lines
without a recorded result run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.results import ResultBuffer
from forebay.lanes.batch.segment_run import FLUSH_AFTER_S, SegmentRun
from forebay.lanes.catalogue import Served
from forebay.lanes.control import Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.wake import AFTER_FAILURE_S, first_of, repeat
from forebay.scheduler.dispatcher import Dispatcher
from forebay.store.segments import SegmentRecord
from forebay.store.signals import Topic
from forebay.store.store import Store

LONGEST_IDLE_S = 30.0


class BatchWorker:
    """Runs the segments of batches. `on_progress` is called when results were recorded."""

    def __init__(
        self,
        runner: LineRunner,
        dispatcher: Dispatcher,
        store: Store,
        leases: LeaseKeeper,
        control: Control,
        *,
        clock: Clock,
        on_progress: Callable[[], None],
        flush_after_s: float = FLUSH_AFTER_S,
        after_failure_s: float = AFTER_FAILURE_S,
    ) -> None:
        self._runner = runner
        self._dispatcher = dispatcher
        self._store = store
        self._leases = leases
        self._control = control
        self._clock = clock
        self._on_progress = on_progress
        self._flush_after_s = flush_after_s
        self._after_failure_s = after_failure_s
        self._wakes: dict[str, asyncio.Event] = {}
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._fed: list[Served] = []
        self._is_claiming = True
        store.signals.on(Topic.CANCELLED, self._abort)
        control.on_change(self._controlled)

    async def run(self) -> None:
        """Run for ever; when cancelled, record what is done and give the segments back."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for served in self._fed:
                self._begin(tasks, served)
            await asyncio.Event().wait()

    def feed(self, served: Served) -> None:
        """Run this model's segments from now on."""
        self._control.want(served.model.name)
        self._fed.append(served)
        if self._tasks is not None:
            self._begin(self._tasks, served)

    def wake(self) -> None:
        """Look for waiting segments."""
        for wake in self._wakes.values():
            wake.set()

    def stop_claiming(self) -> None:
        """Claim nothing more: what runs goes on."""
        self._is_claiming = False

    def _abort(self, batch_id: str) -> None:
        """End the batch's running lines here, without waiting for that."""
        for task in self._running.get(batch_id, ()):
            task.cancel()

    def _controlled(self, model: str) -> None:
        wake = self._wakes.get(model)
        if wake is not None:
            wake.set()

    async def stop(self, batch_id: str) -> None:
        """End the batch's running lines here; what they had finished is recorded."""
        tasks = list(self._running.get(batch_id, ()))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, tasks: asyncio.TaskGroup, served: Served) -> None:
        wake = self._wakes[served.model.name] = asyncio.Event()
        step = partial(self._feed_once, served, wake)
        tasks.create_task(repeat(step, wake=wake, doing="the batch feeder"))

    async def _feed_once(self, served: Served, wake: asyncio.Event) -> float:
        """Open the most urgent segment; returns how long to wait when there is none.

        The next one waits until all lines of this one have slots, or until it is more urgent.
        """
        if not self._is_claiming or not self._control.holds(served.model.name):
            return LONGEST_IDLE_S
        claimed = await self._store.segments.claim(
            served.model.name, lease_expires_at=self._leases.until()
        )
        if claimed is None:
            return LONGEST_IDLE_S
        segment, batch = claimed
        all_have_slots = self._open(segment, batch)
        while not all_have_slots.is_set():
            await first_of(all_have_slots, wake)
            wake.clear()
            head = await self._store.segments.peek(served.model.name)
            if head is not None and head < (segment.band_rank, segment.deadline_at):
                break
        return 0.0

    def _open(self, segment: SegmentRecord, batch: Batch) -> asyncio.Event:
        """Run a claimed segment beside the others; the event says when the next may be opened."""
        run = SegmentRun(
            self._runner,
            self._dispatcher,
            self._store,
            segment,
            batch,
            ResultBuffer(self._store, segment, batch, clock=self._clock),
            on_progress=self._on_progress,
            flush_after_s=self._flush_after_s,
            after_failure_s=self._after_failure_s,
        )
        assert self._tasks is not None and segment.lease_id is not None
        task = self._tasks.create_task(run.run())
        self._running.setdefault(batch.id, set()).add(task)
        self._leases.hold(segment.lease_id, task.cancel)
        task.add_done_callback(lambda task: self._let_go(segment, run, task))
        return run.all_have_slots

    def _let_go(self, segment: SegmentRecord, run: SegmentRun, task: asyncio.Task[None]) -> None:
        run.all_have_slots.set()
        assert segment.lease_id is not None
        self._leases.drop(segment.lease_id)
        tasks = self._running[segment.batch_id]
        tasks.discard(task)
        if not tasks:
            del self._running[segment.batch_id]
        # It may have been given back unfinished.
        self._wakes[segment.model].set()
