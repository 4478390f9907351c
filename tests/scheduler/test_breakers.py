"""Replicas that pause: who waits for them meanwhile, and how they come back when the time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from forebay.core.clock import Instant
from forebay.core.engine_errors import EngineBusy, EngineError, EngineFailed, EngineUnreachable
from forebay.engines.breaker import MAX_FAILURES, MIN_PAUSE_S, BreakerState
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot
from tests.fakes import ManualClock, ManualTimer, ScriptedEngine, looped

INTERACTIVE, DEADLINE, BULK = 0, 1, 2
BUSY = EngineBusy("full", retry_after_s=20.0)
BROKEN = EngineFailed("broke")


class EarlyClock(ManualClock):
    """A clock whose first timer comes half a second early."""

    def __init__(self) -> None:
        super().__init__()
        self._early_s = 0.5

    def call_at(self, when: float, callback: Callable[[], object], /) -> ManualTimer:
        """Call back at that time, or the first time before it."""
        early_s, self._early_s = self._early_s, 0.0
        return super().call_at(when - early_s, callback)


class Yard:
    """A dispatcher that goes by a manual clock, with a pool whose replicas have two slots."""

    def __init__(self, *, replicas: int = 1, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.dispatcher = Dispatcher(timers=lambda: self.clock)
        self.pool = Pool("tiny")
        self.replicas = [self.add(self.pool) for _ in range(replicas)]

    def add(self, *pools: Pool) -> Replica:
        """Add a replica that is well to these pools."""
        replica = Replica("r", ScriptedEngine(), slots=2)
        for pool in pools:
            pool.add(replica, model="there")
        self.dispatcher.mark_up(replica)
        return replica

    def take(self, band_rank: int = DEADLINE, *, pool: Pool | None = None) -> Slot | None:
        """Take a slot if one is to be had at once."""
        return self.dispatcher.try_acquire(
            pool or self.pool, band_rank=band_rank, deadline_at=Instant(0)
        )

    def taken(self, band_rank: int = DEADLINE) -> Slot:
        """Take a slot that must be free."""
        slot = self.take(band_rank)
        assert slot is not None
        return slot

    async def wait(
        self, band_rank: int = DEADLINE, *, pool: Pool | None = None
    ) -> asyncio.Task[Slot]:
        """Begin to wait for a slot."""
        waiting = self.dispatcher.acquire(
            pool or self.pool, band_rank=band_rank, deadline_at=Instant(0)
        )
        task = asyncio.create_task(waiting)
        await looped(2)
        return task

    def fail(self, error: EngineError, *, times: int = 1) -> None:
        """Run so many turns that end with this error."""
        for _ in range(times):
            with self.taken(INTERACTIVE) as slot:
                slot.failed(error)

    def pause(self) -> Replica:
        """Let the first replica say that it is busy, and return it."""
        self.fail(BUSY)
        replica = self.replicas[0]
        assert replica.breaker.state is BreakerState.OPEN
        return replica


async def ended(*tasks: asyncio.Task[Slot]) -> None:
    """End these waits."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("band_rank", [DEADLINE, BULK])
async def test_work_that_can_wait_waits_until_the_pause_is_over_and_is_then_woken(
    band_rank: int,
) -> None:
    yard = Yard()
    yard.pause()
    waiting = await yard.wait(band_rank)
    yard.clock.move(19.999)
    await looped()
    assert not waiting.done()
    yard.clock.move(0.001)
    assert (await waiting).replica is yard.replicas[0]


async def test_work_that_cannot_wait_still_goes_to_a_busy_replica_that_is_the_only_one() -> None:
    yard = Yard()
    yard.pause()
    assert yard.take(DEADLINE) is None
    assert yard.take(INTERACTIVE) is not None


async def test_failures_alone_never_close_the_last_replica_to_work_that_cannot_wait() -> None:
    yard = Yard()
    yard.fail(BROKEN, times=10 * MAX_FAILURES)
    assert yard.take(DEADLINE) is None
    assert yard.take(INTERACTIVE) is not None


async def test_a_replica_that_pauses_gets_nothing_while_another_is_well() -> None:
    yard = Yard(replicas=2)
    yard.pause()
    taken = [yard.take(INTERACTIVE) for _ in range(3)]
    assert [slot and slot.replica for slot in taken] == [*[yard.replicas[1]] * 2, None]


async def test_after_a_pause_one_turn_is_tried_and_its_first_output_brings_the_rest() -> None:
    yard = Yard()
    yard.pause()
    waiting = [await yard.wait() for _ in range(3)]
    yard.clock.move(20)
    await looped()
    assert [task.done() for task in waiting] == [True, False, False]
    trial = await waiting[0]
    trial.answering()
    await looped()
    assert [task.done() for task in waiting] == [True, True, False]
    await ended(waiting[2])


async def test_a_trial_that_fails_begins_another_pause() -> None:
    yard = Yard()
    yard.fail(BROKEN, times=MAX_FAILURES)
    waiting = [await yard.wait() for _ in range(2)]
    yard.clock.move(MIN_PAUSE_S)
    with await waiting[0] as trial:
        trial.failed(BROKEN)
    yard.clock.move(MIN_PAUSE_S)
    await looped()
    assert not waiting[1].done()
    yard.clock.move(MIN_PAUSE_S)
    await waiting[1]


async def test_a_trial_that_is_given_back_without_a_word_leaves_its_place_to_the_next() -> None:
    yard = Yard()
    yard.pause()
    waiting = [await yard.wait() for _ in range(2)]
    yard.clock.move(20)
    (await waiting[0]).release()
    assert (await waiting[1]).replica.breaker.has_trial


async def test_a_longer_wish_moves_the_end_of_the_pause() -> None:
    yard = Yard()
    yard.pause()
    yard.fail(EngineBusy("full", retry_after_s=50.0))
    waiting = await yard.wait()
    yard.clock.move(49)
    await looped()
    assert not waiting.done()
    yard.clock.move(1)
    await waiting


async def test_a_timer_that_comes_too_early_is_set_again() -> None:
    yard = Yard(clock=EarlyClock())
    yard.pause()
    waiting = await yard.wait()
    yard.clock.move(19.5)
    await looped()
    assert not waiting.done()
    yard.clock.move(0.5)
    await waiting


async def test_only_a_replica_that_pauses_has_a_timer() -> None:
    yard = Yard(replicas=2)
    assert yard.clock.timers == []
    replica = yard.pause()
    assert len(yard.clock.timers) == 1
    yard.clock.move(20)
    assert (replica.breaker.state, yard.clock.timers) == (BreakerState.HALF_OPEN, [])


async def test_the_end_of_a_pause_brings_back_nobody_who_is_away_by_then() -> None:
    yard = Yard()
    replica = yard.pause()
    yard.dispatcher.mark_down(replica, error="gone")
    yard.clock.move(20)
    assert not replica.is_up


async def test_a_replica_that_comes_back_is_tried_with_one_turn() -> None:
    yard = Yard()
    yard.fail(EngineUnreachable("no route"))
    assert yard.take(INTERACTIVE) is None
    waiting = [await yard.wait() for _ in range(2)]
    yard.dispatcher.mark_up(yard.replicas[0])
    await looped()
    assert [task.done() for task in waiting] == [True, False]
    await ended(waiting[1])


async def test_when_the_last_replica_that_is_well_goes_those_in_a_hurry_get_one_that_pauses() -> (
    None
):
    yard = Yard(replicas=2)
    paused = yard.pause()
    held = [yard.taken(), yard.taken()]
    waiting = await yard.wait(INTERACTIVE)
    assert not waiting.done()
    yard.dispatcher.mark_down(held[0].replica, error="gone")
    assert (await waiting).replica is paused


async def test_a_shared_replica_that_pauses_serves_the_pool_that_has_no_other() -> None:
    yard = Yard(replicas=2)
    lonely = Pool("lonely")
    lonely.add(yard.replicas[0], model="there")
    paused = yard.pause()
    here, there = yard.taken(INTERACTIVE), yard.take(INTERACTIVE, pool=lonely)
    assert here.replica is yard.replicas[1]
    assert there is not None and there.replica is paused


async def test_a_slot_that_frees_goes_past_those_who_wait_for_the_end_of_a_pause() -> None:
    yard = Yard()
    other = Pool("other")
    other.add(yard.replicas[0], model="there")
    held = [yard.taken(), yard.taken()]
    held[0].failed(BUSY)
    patient = await yard.wait(DEADLINE)
    hurried = await yard.wait(INTERACTIVE, pool=other)
    held[1].release()
    await hurried
    assert not patient.done()
    await ended(patient)


@pytest.mark.parametrize(
    ("setting", "told", "takes_prefill"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
async def test_a_prefill_is_taken_where_the_engine_says_so_unless_the_model_says_otherwise(
    setting: bool | None, told: bool, takes_prefill: bool
) -> None:
    yard = Yard()
    engine = ScriptedEngine()
    engine.takes_prefill = told
    pool = Pool("other", takes_prefill=setting)
    replica = Replica("r", engine, slots=1)
    pool.add(replica, model="there")
    yard.dispatcher.mark_up(replica)
    slot = yard.take(pool=pool)
    assert slot is not None and slot.takes_prefill is takes_prefill
