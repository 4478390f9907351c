"""The batch worker: the most urgent segment first, and none left lying."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from forebay.core.batches import BatchStatus
from forebay.dialects.turn import AnyTurn, Delta
from forebay.lanes.batch.room import MAX_BYTES
from forebay.store.database import Database
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, looped, says, until
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.submitted import (
    ended,
    has_begun,
    line,
    loops,
    submit,
    waits,
)
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import batch_of


async def idle(house: House) -> None:
    """Return when the feeder has asked the store whatever it had to ask."""
    for _ in range(3):
        await looped()
        await house.store.segments.peek("tiny")
        await house.store.leases.reap()


async def test_urgent_work_goes_before_the_lines_of_a_batch(house: House) -> None:
    gates = [Gate(), Gate()]
    house.engine.by_prompt = {"one": [gates[0], *says("1")], "two": [gates[1], *says("2")]}
    await submit(house, line("one"), line("two"), line("three"), line("four"))
    async with loops(house), running(house.worker.run):
        for gate in gates:
            await gate.reached.wait()
        request_id = await house.submit("urgent")
        await until(lambda: waits(house, 2))
        gates[0].open()
        await house.ended(request_id)
        gates[1].open()
    assert house.engine.prompts[2] == "urgent"


async def test_a_batch_in_a_faster_window_goes_first(house: House) -> None:
    slow = await submit(house, line("slow"))
    fast = await submit(house, line("fast"), window="1h")
    async with running(house.validator.run):
        for batch_id in (slow, fast):
            await until(partial(has_begun, house, batch_id))
    async with loops(house):
        await ended(house, slow)
        await ended(house, fast)
    assert house.engine.prompts == ["fast", "slow"]


async def test_a_more_urgent_batch_overtakes_lines_that_wait_for_slots(house: House) -> None:
    gates = [Gate(), Gate()]
    house.engine.by_prompt = {"one": [gates[0], *says("1")], "two": [gates[1], *says("2")]}
    slow = await submit(house, line("one"), line("two"), line("three"), line("four"))
    async with loops(house):
        for gate in gates:
            await gate.reached.wait()
        fast = await submit(house, line("urgent"), window="1h")
        await until(partial(waits, house, 2))
        gates[0].open()
        await ended(house, fast)
        gates[1].open()
        await ended(house, slow)
    assert house.engine.prompts[2] == "urgent"


async def test_a_less_urgent_batch_waits_until_the_lines_before_it_have_slots(
    house: House,
) -> None:
    gates = [Gate(), Gate()]
    house.engine.by_prompt = {"one": [gates[0], *says("1")], "two": [gates[1], *says("2")]}
    fast = await submit(house, line("one"), line("two"), line("three"), window="1h")
    async with loops(house):
        for gate in gates:
            await gate.reached.wait()
        slow = await submit(house, line("patient"))
        await until(partial(has_begun, house, slow))
        await idle(house)
        assert [segment.lease_id for segment in await house.store.segments.unfinished(slow)] == [
            None
        ]
        for gate in gates:
            gate.open()
        await ended(house, fast)
        await ended(house, slow)
    assert house.engine.prompts[2:] == ["three", "patient"]


async def test_a_segment_given_back_is_claimed_again_at_once(house: House, store: Store) -> None:
    gate = Gate()
    house.engine.queue += [[gate, *says("lost")], says("kept")]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        await gate.reached.wait()
        await idle(house)
        await store.leases.void_all()
        gate.open()
        batch = await ended(house, batch_id)
    assert len(house.engine.turns) == 2
    assert batch.completed_count == 1


async def test_after_a_more_urgent_batch_no_more_is_opened_of_the_one_that_waits(
    house: House,
) -> None:
    """However often it is overtaken, one of its segments is in memory, and no more."""
    gates = [Gate(), Gate()]
    house.engine.by_prompt = {"one": [gates[0], *says("1")], "two": [gates[1], *says("2")]}
    names = ["one", "two", *[f"row-{number}" for number in range(10)]]
    slow = await begin(house, *[chat(name) for name in names], segment_lines=4)
    async with loops(house):
        for gate in gates:
            await gate.reached.wait()
        await begin(house, chat("soon"), chat("sooner"), segment_lines=1, window="1h")
        house.batch_worker.wake()
        await until(partial(waits, house, 2))
        await begin(house, chat("now"), window="standard")
        house.batch_worker.wake()
        await until(partial(waits, house, 3))
        await idle(house)
        held = await house.store.segments.unfinished(slow.id)
        assert [segment.lease_id is not None for segment in held] == [True, False, False]
        for gate in gates:
            gate.open()
        batch = await ended(house, slow.id)
    assert batch.completed_count == 12
    assert house.engine.prompts[2:4] == ["now", "soon"]


async def test_no_more_is_opened_while_results_cannot_be_kept(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> None:
    blobs = BusyBlobs(store.blobs)
    house = House(replace(store, blobs=blobs), clock, new_id, engine)
    long_answer = says("x" * (MAX_BYTES // 2 + 1))
    names = [f"row-{number}" for number in range(4)]
    engine.by_prompt = dict.fromkeys(names, long_answer)
    begun = await begin(house, *[chat(name) for name in names], segment_lines=1)
    blobs.refused_puts = 10**6
    async with loops(house), running(house.webhooks.run):
        await until(lambda: has_run(engine, 2))
        await idle(house)
        assert len(engine.prompts) < 4
        blobs.refused_puts = 0
        batch = await ended(house, begun.id)
    assert batch.completed_count == len(engine.prompts) == 4


async def has_run(engine: ScriptedEngine, count: int) -> bool:
    """Tell whether so many turns have ended."""
    await looped(1)
    return len(engine.ended) >= count


async def test_a_batch_that_is_cancelled_while_it_is_claimed_runs_nothing(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
) -> None:
    segments = BusySegments(database, clock=clock, new_id=new_id)
    segments.claiming = claiming = Gate()
    house = House(replace(store, segments=segments), clock, new_id, engine)
    begun = await begin(house, chat("a"))
    async with loops(house), running(house.webhooks.run):
        await claiming.reached.wait()
        await house.batches.cancel(CALLER, begun.id)
        await idle(house)
        claiming.open()
        batch = await ended(house, begun.id)
    assert (batch.status, batch.cancelled_count) == (BatchStatus.CANCELLED, 1)
    assert engine.turns == []


class PacedEngine(ScriptedEngine):
    """An engine that takes four seconds of the manual clock for each answer."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def stream(self, turn: AnyTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Answer after a while; see `Engine.stream`."""
        over = asyncio.Event()
        self._clock.call_at(self._clock.time() + 4.0, over.set)
        await over.wait()
        async with aclosing(super().stream(turn, model=model)) as answering:
            async for deltas in answering:
                yield deltas


async def test_a_standard_batch_is_done_in_time_although_a_long_one_fills_the_engine(
    store: Store, clock: ManualClock, new_id: CountingIds
) -> None:
    """The engine answers two lines in a second: three hundred are just half of what fits."""
    house = House(store, clock, new_id, PacedEngine(clock))
    house.replica.slots = 8
    day = await begin(house, *[chat(f"day-{number}") for number in range(1000)])
    async with loops(house), running(house.webhooks.run):
        await until(lambda: is_full(house))
        soon = await begin(
            house, *[chat(f"soon-{number}") for number in range(300)], window="standard"
        )
        house.batch_worker.wake()
        for _ in range(299):
            for _ in range(3):
                await looped()
                await store.leases.renew({}, until=clock.now())
            clock.move(1.0)
        done, left = await ended(house, soon.id), await batch_of(store, day.id)
    assert (done.status, done.completed_count) == (BatchStatus.COMPLETED, 300)
    assert done.completed_at is not None and done.completed_at <= done.deadline_at
    assert left.status is BatchStatus.IN_PROGRESS


async def is_full(house: House) -> bool:
    """Tell whether every slot is taken."""
    await looped(1)
    return house.replica.in_flight == house.replica.slots
