"""What a turn tells about its replica: the breaker hears of it, and trouble is reported."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from forebay.core.engine_errors import EngineBusy, EngineFailed, EngineUnavailable, GatewayFailed
from forebay.core.errors import PromptRejected
from forebay.dialects.answer import Answer
from forebay.dialects.turn import Delta
from forebay.engines.breaker import BreakerState
from tests.fakes import Gate, says
from tests.lanes.house import House


async def turn(house: House) -> None:
    """Run a turn, whatever becomes of it."""
    accepted = house.admit()
    stream = house.turns.stream(accepted, Answer(), max_wait_s=1.0)
    async with aclosing(stream) as running:
        async for _ in running:
            pass


BROKEN = EngineUnavailable("broke off")


@pytest.mark.parametrize("error", [EngineFailed("broke"), BROKEN])
async def test_a_turn_that_broke_is_counted_and_reported(house: House, error: Exception) -> None:
    for count in (1, 2):
        house.engine.queue.append([error])
        with pytest.raises(type(error)):
            await turn(house)
        assert house.replica.breaker.failures == count
    assert house.troubled == [house.replica] * 2
    assert house.replica.breaker.state is BreakerState.CLOSED


async def test_a_good_turn_ends_the_count_of_failures(house: House) -> None:
    house.engine.queue.append([BROKEN])
    with pytest.raises(EngineUnavailable):
        await turn(house)
    await turn(house)
    assert house.replica.breaker.failures == 0
    assert house.troubled == [house.replica]


async def test_a_refusal_makes_the_replica_pause_and_needs_no_probe(house: House) -> None:
    house.engine.queue.append([EngineBusy("full", retry_after_s=9.0)])
    with pytest.raises(EngineBusy):
        await turn(house)
    breaker = house.replica.breaker
    assert (breaker.state, breaker.failures) == (BreakerState.OPEN, 0)
    assert breaker.ends_at_s == house.clock.time() + 9.0
    assert house.troubled == []


async def test_a_proxy_that_has_no_answer_makes_the_replica_pause_and_asks_for_a_probe(
    house: House,
) -> None:
    house.engine.queue.append([GatewayFailed("502")])
    with pytest.raises(GatewayFailed):
        await turn(house)
    assert house.replica.breaker.state is BreakerState.OPEN
    assert house.troubled == [house.replica]


async def test_what_the_caller_did_wrong_tells_nothing_of_the_replica(house: House) -> None:
    house.engine.queue.append([PromptRejected("bad prompt")])
    before = house.replica.breaker
    with pytest.raises(PromptRejected):
        await turn(house)
    assert (house.replica.breaker, house.troubled) == (before, [])


async def test_the_first_output_of_a_turn_on_trial_brings_the_replica_back(house: House) -> None:
    house.dispatcher.mark_down(house.replica, error="gone")
    house.dispatcher.mark_up(house.replica)
    gate = Gate()
    house.engine.queue.append([[Delta(text="a")], gate, *says("b")])
    running = asyncio.create_task(turn(house))
    await gate.reached.wait()
    assert house.replica.breaker.state is BreakerState.CLOSED
    gate.open()
    await running
