"""The batch worker: claims segments and runs them.

For each model a feeder opens the next segment as soon as every line of those before has had a slot,
so the tail of one segment and the head of the next run side by side, whatever becomes of a line
that is slow or pauses. Only a more urgent one is opened sooner. So what is in memory is bounded: of
each degree of urgency the lines of one segment that wait, the lines that run (as many as there are
slots), and what the feeder's room holds of lines that pause and of results. A segment that cannot
be run, and for a while its batch, let others go first. After a crash only the lines without a
recorded result run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.pauses import Pauses
from forebay.lanes.batch.room import Room
from forebay.lanes.batch.segment_run import FLUSH_AFTER_S, SegmentRooms, SegmentRun
from forebay.lanes.catalogue import Served
from forebay.lanes.control import Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.wake import AFTER_FAILURE_S, repeat
from forebay.scheduler.dispatcher import Dispatcher
from forebay.store.segments import SegmentRecord
from forebay.store.signals import Topic
from forebay.store.store import Store

LONGEST_IDLE_S = 30.0
MAX_WAITING = 8  # segments of one model whose lines wait, each more urgent than the one before


class _Feed:
    """One model's feeder; `waiting` are the runs with lines that have had no slot yet."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.wake = asyncio.Event()
        self.room = Room(on_free=self.wake.set)
        self.waiting: list[SegmentRun] = []
        self.stopped: set[str] | None = None
        """The batches that are stopped while a claim is under way."""

    def opened(self, run: SegmentRun) -> None:
        """Note that the run has lines that wait for their first slot."""
        self.waiting.append(run)
        self._take_turns()

    def begun(self, run: SegmentRun) -> None:
        """Note that every line of the run has had a slot, or that it is over."""
        if run in self.waiting:
            self.waiting.remove(run)
            self._take_turns()
        self.wake.set()

    def _take_turns(self) -> None:
        """Let the most urgent run begin its lines, and no other.

        Each asks for one slot at a time, so of two that free together a less urgent one would get
        the second.
        """
        first = min(self.waiting, key=lambda run: run.place, default=None)
        for run in self.waiting:
            run.let_begin(run is first)


class BatchWorker:
    """Runs the segments of batches. `on_progress` is called when a batch may have to be closed."""

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
        self._store = store
        self._leases = leases
        self._control = control
        self._rooms = SegmentRooms(
            runner=runner,
            store=store,
            clock=clock,
            on_recorded=on_progress,
            flush_after_s=flush_after_s,
            after_failure_s=after_failure_s,
        )
        self._pauses = Pauses(clock=clock)
        self._feeds: dict[str, _Feed] = {}
        self._running: dict[str, dict[SegmentRun, asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._is_claiming = True
        store.signals.on(Topic.CANCELLED, self._abort)
        control.on_change(self._controlled)

    async def run(self) -> None:
        """Run for ever; when cancelled, record what is done and give the segments back."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for feed in self._feeds.values():
                self._begin(tasks, feed)
            await asyncio.Event().wait()

    def feed(self, served: Served) -> None:
        """Run this model's segments from now on."""
        self._control.want(served.model.name)
        feed = self._feeds[served.model.name] = _Feed(served)
        if self._tasks is not None:
            self._begin(self._tasks, feed)

    def wake(self) -> None:
        """Look for waiting segments."""
        for feed in self._feeds.values():
            feed.wake.set()

    def stop_claiming(self) -> None:
        """Claim nothing more: what runs goes on."""
        self._is_claiming = False

    async def stop(self, batch_id: str) -> None:
        """End the batch's running lines here; what they had finished is recorded."""
        tasks = list(self._running.get(batch_id, {}).values())
        self._abort(batch_id)
        if tasks:
            await asyncio.wait(tasks)

    def _abort(self, batch_id: str) -> None:
        """End the batch's running lines here, without waiting for that."""
        for run in self._running.get(batch_id, ()):
            run.stop()
        for feed in self._feeds.values():
            if feed.stopped is not None:
                feed.stopped.add(batch_id)

    def _controlled(self, model: str) -> None:
        feed = self._feeds.get(model)
        if feed is not None:
            feed.wake.set()

    def _begin(self, tasks: asyncio.TaskGroup, feed: _Feed) -> None:
        step = partial(self._feed_once, feed)
        tasks.create_task(repeat(step, wake=feed.wake, doing="the batch feeder"))

    async def _feed_once(self, feed: _Feed) -> float:
        """Open the most urgent segment; returns how long to wait when none is to be opened."""
        model = feed.served.model.name
        if not self._is_claiming or not self._control.holds(model):
            return LONGEST_IDLE_S
        paused = self._pauses.current()
        if not await self._may_open(feed, but_not=paused):
            return self._pauses.left_s(LONGEST_IDLE_S)
        stopped: set[str] = set()
        feed.stopped = stopped
        try:
            claimed = await self._store.segments.claim(
                model, lease_expires_at=self._leases.until(), but_not=paused
            )
        finally:
            feed.stopped = None
        if claimed is None:
            return self._pauses.left_s(LONGEST_IDLE_S)
        segment, batch = claimed
        run = self._open(feed, segment, batch)
        if batch.id in stopped:
            run.stop()
        return 0.0

    async def _may_open(self, feed: _Feed, *, but_not: list[str]) -> bool:
        if not feed.room.is_free or len(feed.waiting) >= MAX_WAITING:
            return False
        if not feed.waiting:
            return True
        head = await self._store.segments.peek(feed.served.model.name, but_not=but_not)
        return head is not None and all(head < run.place for run in feed.waiting)

    def _open(self, feed: _Feed, segment: SegmentRecord, batch: Batch) -> SegmentRun:
        """Run a claimed segment beside the others."""
        assert self._tasks is not None and segment.lease_id is not None
        run = SegmentRun(
            self._rooms,
            segment,
            batch,
            room=feed.room,
            on_begun=lambda: feed.begun(run),
            on_failed=lambda: self._pauses.begin(batch.id, segment.id),
        )
        feed.opened(run)
        task = self._tasks.create_task(run.run())
        self._running.setdefault(batch.id, {})[run] = task
        self._leases.hold(segment.lease_id, run.lose)
        task.add_done_callback(lambda _: self._let_go(feed, segment, run))
        return run

    def _let_go(self, feed: _Feed, segment: SegmentRecord, run: SegmentRun) -> None:
        assert segment.lease_id is not None
        self._leases.drop(segment.lease_id)
        runs = self._running[segment.batch_id]
        del runs[run]
        if not run.has_failed:
            self._pauses.end(segment.batch_id, segment.id)
        if not runs:
            del self._running[segment.batch_id]
        # It may have been given back unfinished.
        feed.begun(run)
