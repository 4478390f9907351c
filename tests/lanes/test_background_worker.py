"""The background worker: what was submitted is run, again while that helps, and settled once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from forebay.core.clock import after
from forebay.core.engine_errors import EngineBusy, EngineFailed, EngineUnavailable
from forebay.core.errors import PromptRejected
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.retries import MAX_FAILURES
from forebay.store.request_records import RequestRecord
from tests.fakes import START, Gate, says, until
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import entry

STANDARD_NANOS = 6_000


def shown(request: RequestRecord) -> dict[str, Any]:
    """Return the request's answer as its caller sees it."""
    assert request.answer is not None
    found: dict[str, Any] = json.loads(request.answer)
    return found


async def paused(house: House, request_id: str, *, turns: int) -> RequestRecord:
    """Return a request that waits again after so many turns."""

    async def look() -> RequestRecord | None:
        request = await house.kept(request_id)
        is_waiting = request.status is RequestStatus.QUEUED
        return request if is_waiting and request.attempt == turns else None

    return await until(look)


async def test_a_submitted_request_is_run_and_charged(house: House) -> None:
    request_id = await house.submit()
    async with running(house.worker.run):
        request = await house.ended(request_id)
    assert request.status is RequestStatus.COMPLETED
    assert shown(request)["output"][0]["content"][0]["text"] == "Hello."
    assert await house.charges() == (1, STANDARD_NANOS)


async def test_work_that_comes_while_the_worker_idles_is_run_at_once(house: House) -> None:
    async with running(house.worker.run):
        await house.ended(await house.submit("first"))
        await house.ended(await house.submit("second"))
    assert house.engine.prompts == ["first", "second"]


async def test_no_more_turns_run_than_there_are_slots(house: House) -> None:
    gates = [Gate() for _ in range(3)]
    house.engine.queue += [[gate, *says("done")] for gate in gates]
    ids = [await house.submit() for _ in gates]
    async with running(house.worker.run):
        for gate in gates[:2]:
            await gate.reached.wait()
        assert not gates[2].reached.is_set()
        for gate in gates:
            gate.open()
        for request_id in ids:
            await house.ended(request_id)
    assert house.engine.most_in_flight == 2


async def test_a_newer_more_urgent_request_overtakes(house: House) -> None:
    gates = [Gate(), Gate()]
    house.engine.queue += [[gate, *says("done")] for gate in gates]
    async with running(house.worker.run):
        for gate in gates:
            await house.submit("holds a slot")
            await gate.reached.wait()
        waiting = await house.submit("standard")
        urgent = await house.submit("urgent", metadata={"completion_window": "asap"})
        gates[0].open()
        await house.ended(waiting)
        await house.ended(urgent)
    assert house.engine.prompts[2:] == ["urgent", "standard"]


async def test_a_failed_attempt_runs_again_when_its_pause_is_over(house: House) -> None:
    house.engine.queue += [[EngineFailed("one")], [EngineUnavailable("two")]]
    request_id = await house.submit()
    async with running(house.worker.run):
        for turns, pause_s in ((1, 1.0), (2, 2.0)):
            await paused(house, request_id, turns=turns)
            pause_ends_at = await house.store.requests.next_pause_end("tiny")
            assert pause_ends_at == after(house.clock.now(), pause_s)
            house.clock.move(pause_s)
            house.look_again()
        request = await house.ended(request_id)
    assert (request.status, request.attempt) == (RequestStatus.COMPLETED, 3)
    assert shown(request)["forebay"]["attempt"] == 3
    assert await house.charges() == (1, STANDARD_NANOS)


async def test_a_busy_engine_is_asked_again_when_it_wishes(house: House) -> None:
    house.engine.queue.append([EngineBusy("full", retry_after_s=7.0)])
    request_id = await house.submit()
    async with running(house.worker.run):
        await paused(house, request_id, turns=1)
        pause_ends_at = await house.store.requests.next_pause_end("tiny")
    assert pause_ends_at == after(START, 7)


@pytest.mark.parametrize("error", [PromptRejected("bad prompt"), RuntimeError("a bug")])
async def test_a_request_that_can_never_succeed_fails_at_once(
    house: House, error: Exception
) -> None:
    house.engine.queue.append([[Delta(text="half")], error])
    request_id = await house.submit()
    async with running(house.worker.run):
        request = await house.ended(request_id)
    assert (request.status, request.attempt) == (RequestStatus.FAILED, 1)
    assert shown(request)["error"]["message"]
    assert await house.charges() == (0, 0)
    assert house.replica.in_flight == 0


@pytest.mark.parametrize("error", [EngineFailed("500"), EngineUnavailable("broke off")])
async def test_a_request_that_the_engine_fails_again_and_again_fails(
    house: House, error: Exception
) -> None:
    house.engine.queue.extend([[error]] * MAX_FAILURES)
    request_id = await house.submit()
    async with running(house.worker.run):
        for turns in range(1, MAX_FAILURES):
            await paused(house, request_id, turns=turns)
            house.clock.move(60)
            house.look_again()
        request = await house.ended(request_id)
    assert (request.status, request.attempt) == (RequestStatus.FAILED, MAX_FAILURES)


async def test_an_engine_that_is_away_makes_work_late_and_not_failed(house: House) -> None:
    house.engine.queue.extend([[EngineBusy("full")]] * (MAX_FAILURES + 2))
    request_id = await house.submit()
    async with running(house.worker.run):
        for turns in range(1, MAX_FAILURES + 3):
            await paused(house, request_id, turns=turns)
            house.clock.move(60)
            house.look_again()
        request = await house.ended(request_id)
    assert request.status is RequestStatus.COMPLETED


async def test_retries_end_with_the_expiry(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([gate, EngineFailed("broke")])
    request_id = await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
        house.clock.move(86_400)
        gate.open()
        request = await house.ended(request_id)
    assert request.status is RequestStatus.FAILED


async def test_a_request_that_still_waits_at_its_expiry_fails(house: House) -> None:
    request_id = await house.submit()
    house.clock.move(86_400)
    async with running(house.expirer.run):
        request = await house.ended(request_id)
    assert request.status is RequestStatus.FAILED
    assert "expired" in shown(request)["error"]["message"]


async def test_cancelling_ends_the_turn_and_charges_what_was_produced(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([[Delta(text="a"), Delta(text="b")], gate])
    request_id = await house.submit("four bytes a token")
    async with running(house.worker.run):
        await gate.reached.wait()
        await house.background.cancel(CALLER, request_id)
        await house.engine.was_cancelled.wait()

        async def is_charged() -> bool:
            return (await house.charges())[0] == 1

        await until(is_charged)
    assert shown(await house.kept(request_id))["output"] == []
    _, usage, _ = await house.store.ledger.total(DEFAULT_PROJECT)
    assert usage.output_tokens == 2
    assert house.replica.in_flight == 0


async def test_a_result_whose_lease_was_lost_is_dropped(house: House) -> None:
    gate = Gate()
    house.engine.queue += [[gate, *says("dropped")], says("kept")]
    request_id = await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
        await house.store.leases.void_all()
        gate.open()
        house.look_again()
        request = await house.ended(request_id)
    assert shown(request)["output"][0]["content"][0]["text"] == "kept"
    assert request.attempt == 2
    assert await house.charges() == (1, STANDARD_NANOS)


async def test_work_whose_lease_is_lost_is_ended(house: House) -> None:
    keeper = LeaseKeeper(house.store.leases, clock=house.clock, lease_s=0.003)
    lost = asyncio.Event()
    keeper.hold("lease_of_nobody", lost.set)
    async with running(keeper.run):
        await lost.wait()


async def test_a_lease_that_ran_out_is_reaped(house: House) -> None:
    request_id = await house.submit()
    await house.store.requests.claim("tiny", limit=1, lease_expires_at=house.leases.until())
    house.clock.move(61)
    keeper = LeaseKeeper(house.store.leases, clock=house.clock, lease_s=60)
    async with running(keeper.run):

        async def waits() -> bool:
            return (await house.kept(request_id)).status is RequestStatus.QUEUED

        await until(waits)


async def test_a_worker_that_stops_gives_its_requests_back_uncounted(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([[Delta(text="half")], gate])
    request_id = await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
    request = await house.kept(request_id)
    assert (request.status, request.attempt) == (RequestStatus.QUEUED, 0)
    assert house.engine.cancelled == ["hi"]
    assert await house.charges() == (0, 0)
    assert house.replica.in_flight == 0


async def test_a_settlement_that_the_store_refuses_is_tried_again(house: House) -> None:
    request_id = await house.submit()
    await house.store.ledger.record(entry(request_id))
    async with running(house.worker.run):
        request = await paused(house, request_id, turns=1)
    assert request.status is RequestStatus.QUEUED


async def test_work_of_a_model_found_later_is_run(house: House) -> None:
    async with running(house.worker.run):
        late = house.serve("late")
        house.add_replica(house.engine, served=late)
        request = await house.ended(await house.submit(model="late"))
    assert request.status is RequestStatus.COMPLETED


async def test_requests_wait_while_no_replica_is_well(house: House) -> None:
    house.dispatcher.mark_down(house.replica, error="gone")
    request_id = await house.submit()
    async with running(house.worker.run):
        assert (await house.kept(request_id)).status is RequestStatus.QUEUED
        house.dispatcher.mark_up(house.replica)
        assert (await house.ended(request_id)).attempt == 1
