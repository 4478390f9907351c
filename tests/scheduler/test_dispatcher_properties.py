"""Whatever happens in whatever order: no slot is given twice, none leaks, none idles in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from forebay.core.clock import Instant
from forebay.core.engine_errors import EngineBusy, EngineError, EngineFailed, EngineUnreachable
from forebay.engines.breaker import BreakerState
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.policy import choose_member
from forebay.scheduler.slot import Slot
from tests.fakes import ManualClock, ScriptedEngine

NUMBERS = st.integers(0, 99)
ERRORS = (
    EngineFailed("broke"),
    EngineBusy("full", retry_after_s=5.0),
    EngineUnreachable("no route"),
)


class Slots(RuleBasedStateMachine):
    """Two pools; one replica of each alone, and one that both share."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.dispatcher = Dispatcher(timers=lambda: self.clock)
        self.pools = [Pool("a"), Pool("b")]
        alone_a, alone_b, shared = [
            Replica(name, ScriptedEngine(), slots=slots)
            for name, slots in (("a", 1), ("b", 2), ("shared", 2))
        ]
        self.replicas = [alone_a, alone_b, shared]
        for pool, replica in zip(self.pools, (alone_a, alone_b), strict=True):
            pool.add(replica, model="m")
            pool.add(shared, model="m")
        self.waiting: list[tuple[Pool, int, asyncio.Task[Slot]]] = []
        self.held: list[Slot] = []

    def teardown(self) -> None:
        """Let everything go: then every slot must be free."""
        with self._looping():
            for _, _, task in self.waiting:
                task.cancel()
        for slot in self.held:
            slot.release()
        assert [replica.in_flight for replica in self.replicas] == [0, 0, 0]
        self.loop.close()

    @contextmanager
    def _looping(self) -> Iterator[None]:
        """Do something on the loop, then let all that is ready run."""

        async def ready() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        yield
        self.loop.run_until_complete(ready())
        still = []
        for pool, band_rank, task in self.waiting:
            if not task.done():
                still.append((pool, band_rank, task))
            elif not task.cancelled():
                self.held.append(task.result())
        self.waiting = still

    def _arrive(self, pool: Pool, band_rank: int, deadline_at: int) -> None:
        waiting = self.dispatcher.acquire(
            pool, band_rank=band_rank, deadline_at=Instant(deadline_at)
        )
        self.waiting.append((pool, band_rank, self.loop.create_task(waiting)))

    @rule(pool=st.integers(0, 1), band_rank=st.integers(0, 2), deadline_at=NUMBERS)
    def arrive(self, pool: int, band_rank: int, deadline_at: int) -> None:
        with self._looping():
            self._arrive(self.pools[pool], band_rank, deadline_at)

    @precondition(lambda self: self.held)
    @rule(number=NUMBERS)
    def release(self, number: int) -> None:
        with self._looping():
            self.held.pop(number % len(self.held)).release()

    @precondition(lambda self: self.waiting)
    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        with self._looping():
            self.waiting[number % len(self.waiting)][2].cancel()

    @precondition(lambda self: self.held and self.waiting)
    @rule(number=NUMBERS, other=NUMBERS)
    def leave_as_a_slot_frees(self, number: int, other: int) -> None:
        with self._looping():
            self.held.pop(number % len(self.held)).release()
            self.waiting[other % len(self.waiting)][2].cancel()

    @precondition(lambda self: self.held)
    @rule(number=NUMBERS, error=st.sampled_from(ERRORS))
    def fail(self, number: int, error: EngineError) -> None:
        with self._looping(), self.held.pop(number % len(self.held)) as slot:
            slot.failed(error)

    @precondition(lambda self: self.held)
    @rule(number=NUMBERS)
    def begin_to_answer(self, number: int) -> None:
        with self._looping():
            self.held[number % len(self.held)].answering()

    @precondition(lambda self: self.held)
    @rule(number=NUMBERS)
    def work(self, number: int) -> None:
        with self._looping(), self.held.pop(number % len(self.held)) as slot:
            slot.worked()

    @rule(seconds=st.sampled_from((0.5, 1.0, 5.0, 40.0)))
    def let_time_pass(self, seconds: float) -> None:
        with self._looping():
            self.clock.move(seconds)

    @rule(pool=st.integers(0, 1), band_rank=st.integers(0, 2), deadline_at=NUMBERS)
    def take_at_once(self, pool: int, band_rank: int, deadline_at: int) -> None:
        slot = self.dispatcher.try_acquire(
            self.pools[pool], band_rank=band_rank, deadline_at=Instant(deadline_at)
        )
        if slot is not None:
            self.held.append(slot)

    @rule(number=st.integers(0, 2))
    def go_down(self, number: int) -> None:
        with self._looping():
            self.dispatcher.mark_down(self.replicas[number], error="gone")

    @rule(number=st.integers(0, 2))
    def come_up(self, number: int) -> None:
        with self._looping():
            self.dispatcher.mark_up(self.replicas[number])

    @invariant()
    def every_slot_is_held_by_one(self) -> None:
        for replica in self.replicas:
            held = sum(slot.replica is replica for slot in self.held)
            assert replica.in_flight == held
            assert 0 <= held <= replica.slots

    @invariant()
    def nobody_waits_beside_a_slot_that_is_free_for_them(self) -> None:
        for pool, band_rank, _ in self.waiting:
            assert choose_member(pool, band_rank=band_rank) is None

    @invariant()
    def a_pause_has_an_end(self) -> None:
        paused = [each for each in self.replicas if each.breaker.state is BreakerState.OPEN]
        ends = {timer.when for timer in self.clock.timers}
        assert all(replica.breaker.ends_at_s in ends for replica in paused)


Slots.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSlots = Slots.TestCase
