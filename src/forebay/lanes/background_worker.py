"""The background worker: claims waiting requests and has them run.

For each model whose control this process has, a feeder waits until there is both a waiting request
and a slot, and only then claims, as many as there are free slots for: the most urgent requests of
that moment get them. A claimed request is settled or given back by its lease; when the process dies
instead, its leases are taken back and the requests run again.
"""

from __future__ import annotations

import asyncio
from functools import partial

from forebay.core.clock import Clock, Instant
from forebay.lanes.background_runs import BackgroundRun, BackgroundRuns
from forebay.lanes.catalogue import Served
from forebay.lanes.control import Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import repeat
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot
from forebay.store.records import Urgency
from forebay.store.signals import Topic, read_queued
from forebay.store.store import Store

LONGEST_IDLE_S = 30.0  # the net under the wake-ups
RIPEN_EVERY_MS = 1000
MAX_CLAIMS = 32


class _Feed:
    """What is known of one model's feeder; `awaits_slot` is the place of the head that waits."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.wake = asyncio.Event()
        self.awaits_slot: Urgency | None = None
        self.ripened_at = Instant(0)


class BackgroundWorker:
    """Runs what was submitted in the background."""

    def __init__(
        self,
        runs: BackgroundRuns,
        dispatcher: Dispatcher,
        store: Store,
        leases: LeaseKeeper,
        control: Control,
        *,
        clock: Clock,
    ) -> None:
        self._runs = runs
        self._dispatcher = dispatcher
        self._store = store
        self._leases = leases
        self._control = control
        self._clock = clock
        self._feeds: dict[str, _Feed] = {}
        self._running: dict[str, tuple[BackgroundRun, asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._is_claiming = True
        self._claiming: set[asyncio.Event] = set()
        store.signals.on(Topic.QUEUED, self._queued)
        store.signals.on(Topic.CANCELLED, self._abort)
        control.on_change(self._controlled)

    async def run(self) -> None:
        """Run for ever; when cancelled, give running requests back uncounted."""
        self._is_claiming = True
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for feed in self._feeds.values():
                self._begin(tasks, feed)
            try:
                await asyncio.Event().wait()
            finally:
                self._is_claiming = False

    def feed(self, served: Served) -> None:
        """Run this model's requests from now on."""
        feed = self._feeds[served.model.name] = _Feed(served)
        self._control.want(served.model.name)
        if self._tasks is not None:
            self._begin(self._tasks, feed)

    def progress(self, request_id: str) -> int | None:
        """Return how many output tokens a request that runs here has given; None for others."""
        running = self._running.get(request_id)
        return None if running is None else running[0].output_tokens

    def stop_claiming(self) -> None:
        """Claim nothing more: what runs goes on."""
        self._is_claiming = False

    async def idle(self) -> None:
        """Return when nothing runs here, and nothing is about to."""
        while self._claiming or self._running:
            for claimed in tuple(self._claiming):
                await claimed.wait()
            if self._running:
                await asyncio.wait([task for _, task in self._running.values()])

    def _queued(self, subject: str) -> None:
        """Look for waiting work; who waits for a slot does so for the most urgent alone."""
        model, place = read_queued(subject)
        feed = self._feeds.get(model)
        if feed is not None and (feed.awaits_slot is None or place < feed.awaits_slot):
            feed.wake.set()

    def _controlled(self, model: str) -> None:
        feed = self._feeds.get(model)
        if feed is not None:
            feed.wake.set()

    def _abort(self, request_id: str) -> None:
        """End the running turn of this request, if it runs here."""
        running = self._running.get(request_id)
        if running is not None:
            running[1].cancel()

    def _begin(self, tasks: asyncio.TaskGroup, feed: _Feed) -> None:
        step = partial(self._feed_once, feed)
        tasks.create_task(repeat(step, wake=feed.wake, doing="the background feeder"))

    async def _feed_once(self, feed: _Feed) -> float:
        """Claim and begin what is most urgent; returns how long to wait when there is nothing."""
        model = feed.served.model.name
        if not self._is_claiming or not self._control.holds(model):
            return LONGEST_IDLE_S
        heads = await self._store.requests.peek(model, limit=MAX_CLAIMS)
        if not heads or self._clock.now() - feed.ripened_at >= RIPEN_EVERY_MS:
            pause_s = await self._ripen(feed)
            if not heads or pause_s == 0.0:
                return pause_s
        slots = await self._slots(feed, heads)
        if slots:
            await self._claim(feed, slots)
        return 0.0

    async def _ripen(self, feed: _Feed) -> float:
        """Let requests wait again whose pause is over; returns how long the next one pauses."""
        now = feed.ripened_at = self._clock.now()
        model = feed.served.model.name
        end_at = await self._store.requests.next_pause_end(model)
        if end_at is None:
            return LONGEST_IDLE_S
        if end_at <= now:
            await self._store.requests.ripen(model)
            return 0.0
        return min(LONGEST_IDLE_S, (end_at - now) / 1000)

    async def _slots(self, feed: _Feed, heads: list[Urgency]) -> list[Slot]:
        """Wait for slots in the places of the heads; none when something newer may go first."""
        pool = feed.served.pool
        feed.awaits_slot = heads[0]
        first = await self._first_slot(feed, *heads[0])
        feed.awaits_slot = None
        if first is None:
            return []
        slots = [first]
        for band_rank, deadline_at in heads[1:]:
            more = self._dispatcher.try_acquire(pool, band_rank=band_rank, deadline_at=deadline_at)
            if more is None:
                break
            slots.append(more)
        return slots

    async def _first_slot(self, feed: _Feed, band_rank: int, deadline_at: Instant) -> Slot | None:
        pool = feed.served.pool
        acquiring = asyncio.create_task(
            self._dispatcher.acquire(pool, band_rank=band_rank, deadline_at=deadline_at)
        )
        waking = asyncio.create_task(feed.wake.wait())
        try:
            await asyncio.wait((acquiring, waking), return_when=asyncio.FIRST_COMPLETED)
            return acquiring.result() if acquiring.done() else None
        finally:
            waking.cancel()
            if not acquiring.done():
                acquiring.cancel()

    async def _claim(self, feed: _Feed, slots: list[Slot]) -> None:
        """Claim as many requests as there are slots, begin them, and give back slots left over."""
        claimed_all = asyncio.Event()
        self._claiming.add(claimed_all)
        free = list(slots)
        try:
            await uninterrupted(self._claim_into(feed, free))
        finally:
            self._claiming.discard(claimed_all)
            claimed_all.set()
            for slot in free:
                slot.release()

    async def _claim_into(self, feed: _Feed, free: list[Slot]) -> None:
        """Claim requests into these slots, and take those out of the list that are used."""
        if not self._is_claiming:
            return  # it became so while this waited for a slot
        model, until = feed.served.model.name, self._leases.until()
        claimed = await self._store.requests.claim(model, limit=len(free), lease_expires_at=until)
        for request in claimed:
            if self._is_claiming:
                self._start(self._runs.run_of(request, free.pop(0)))
            else:
                await self._store.requests.requeue(request, is_counted=False)

    def _start(self, run: BackgroundRun) -> None:
        request = run.request
        assert self._tasks is not None and request.lease_id is not None
        task = self._tasks.create_task(run.run())
        self._running[request.id] = run, task
        self._leases.hold(request.lease_id, task.cancel, progress=lambda: run.output_tokens)
        # A task that is cancelled before its first step never runs a line of its own.
        task.add_done_callback(lambda _: self._let_go(run))

    def _let_go(self, run: BackgroundRun) -> None:
        run.slot.release()
        running = self._running.get(run.request.id)
        if running is not None and running[0] is run:
            del self._running[run.request.id]
        assert run.request.lease_id is not None
        self._leases.drop(run.request.lease_id)
