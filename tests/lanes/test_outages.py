"""Engines that are away or busy: what waits is late, and loses no attempts by it."""

from __future__ import annotations

import pytest

from forebay.core.engine_errors import EngineBusy, EngineError, GatewayFailed
from forebay.core.requests import RequestStatus
from forebay.engines.breaker import BreakerState
from forebay.lanes.retries import MAX_FAILURES
from tests.fakes import Gate, says, until
from tests.lanes.house import House
from tests.lanes.loops import running

SLOTS = 2  # of the house's replica


async def all_slots_fail(house: House, error: EngineError) -> None:
    """Let as many turns as there are slots begin together, and end with this error."""
    gates = [Gate() for _ in range(SLOTS)]
    house.engine.queue.extend([gate, error] for gate in gates)
    for gate in gates:
        await gate.reached.wait()
    for gate in gates:
        gate.open()
    await settled(house, turns=SLOTS)


async def settled(house: House, *, turns: int) -> None:
    """Wait until so many turns have begun, and none runs any more."""

    async def look() -> bool:
        return len(house.engine.turns) == turns and house.replica.in_flight == 0

    await until(look)


@pytest.mark.parametrize("error", [EngineBusy("full", retry_after_s=20.0), GatewayFailed("502")])
async def test_an_outage_costs_those_that_wait_no_attempts(
    house: House, error: EngineError
) -> None:
    request_ids = [await house.submit(f"request {number}") for number in range(6)]
    async with running(house.worker.run):
        await all_slots_fail(house, error)
        assert house.replica.breaker.state is BreakerState.OPEN
        house.clock.move(60)
        house.look_again()
        ended = [await house.ended(request_id) for request_id in request_ids]
    assert {request.status for request in ended} == {RequestStatus.COMPLETED}
    assert sorted(request.attempt for request in ended) == [1, 1, 1, 1, 2, 2]


async def test_one_request_at_a_time_finds_out_whether_an_outage_is_over(house: House) -> None:
    request_ids = [await house.submit(f"request {number}") for number in range(6)]
    async with running(house.worker.run):
        await all_slots_fail(house, EngineBusy("full"))
        house.engine.queue.extend([[EngineBusy("full")]] * 3)
        for trials in range(1, 4):
            house.clock.move(60)
            house.look_again()
            await settled(house, turns=SLOTS + trials)
        house.clock.move(60)
        house.look_again()
        ended = [await house.ended(request_id) for request_id in request_ids]
    assert {request.status for request in ended} == {RequestStatus.COMPLETED}
    assert sum(request.attempt for request in ended) == len(ended) + SLOTS + 3


async def test_an_engine_that_is_away_for_longer_than_any_count_fails_nothing(
    house: House,
) -> None:
    house.engine.queue.extend([[GatewayFailed("504")]] * (2 * MAX_FAILURES))
    request_id = await house.submit()
    async with running(house.worker.run):
        for turns in range(1, 2 * MAX_FAILURES + 1):
            await settled(house, turns=turns)
            house.clock.move(60)
            house.look_again()
        request = await house.ended(request_id)
    assert (request.status, request.attempt) == (RequestStatus.COMPLETED, 2 * MAX_FAILURES + 1)


async def test_a_call_that_cannot_wait_is_refused_by_a_busy_engine_itself(house: House) -> None:
    house.engine.queue.extend([[EngineBusy("full", retry_after_s=20.0)], says("room again")])
    with pytest.raises(EngineBusy):
        await house.realtime().answer(house.admit())
    assert house.replica.breaker.state is BreakerState.OPEN
    final = await house.realtime().answer(house.admit())
    assert final["status"] == "completed"
