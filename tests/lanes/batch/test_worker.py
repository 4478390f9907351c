"""The batch worker: the most urgent segment first, and none left lying."""

from __future__ import annotations

from functools import partial

from forebay.store.store import Store
from tests.fakes import Gate, looped, says, until
from tests.lanes.batch.submitted import ended, has_begun, line, loops, submit, waits
from tests.lanes.house import House, running


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
