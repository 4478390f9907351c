"""How a background turn ends when the store is busy, its time is over, or its worker stops."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from forebay.store.database import Database
from forebay.store.request_records import RequestRecord
from forebay.store.signals import Signals
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, looped, until
from tests.lanes.busy_store import BusyRequests
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running


@pytest.fixture
def signals() -> Signals:
    """The signals of the store."""
    return Signals()


@pytest.fixture
def requests(
    database: Database, clock: ManualClock, new_id: CountingIds, signals: Signals
) -> BusyRequests:
    """Requests that are busy when asked."""
    return BusyRequests(database, clock=clock, new_id=new_id, signals=signals)


@pytest.fixture
def store(store: Store, requests: BusyRequests, signals: Signals) -> Store:
    """A store with busy requests."""
    return replace(store, requests=requests, signals=signals)


async def attempted(house: House, request_id: str) -> RequestRecord:
    """Return a request once its first attempt has ended, whichever way."""

    async def look() -> RequestRecord | None:
        request = await house.kept(request_id)
        return request if request.attempt and request.lease_id is None else None

    return await until(look)


async def test_a_settlement_that_is_refused_for_a_moment_does_not_run_the_turn_again(
    house: House, requests: BusyRequests
) -> None:
    requests.refused_settlements = 3
    request_id = await house.submit()
    async with running(house.worker.run):
        request = await attempted(house, request_id)
    assert (request.status, request.attempt) == (RequestStatus.COMPLETED, 1)
    assert len(house.engine.turns) == 1
    assert requests.refused_settlements == 0
    assert (await house.charges())[0] == 1


async def test_a_failure_is_settled_though_the_store_is_busy_for_a_moment(
    house: House, requests: BusyRequests
) -> None:
    house.engine.queue.append([RuntimeError("a bug")])
    requests.refused_settlements = 3
    request_id = await house.submit()
    async with running(house.worker.run):
        request = await attempted(house, request_id)
    assert request.status is RequestStatus.FAILED
    assert len(house.engine.turns) == 1


@pytest.mark.parametrize("error", [EngineFailed("broke"), EngineUnavailable("gone")])
async def test_a_failure_after_the_expiry_is_told_as_the_expiry(
    house: House, error: Exception
) -> None:
    gate = Gate()
    house.engine.queue.append([gate, error])
    request_id = await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
        house.clock.move(86_400)
        gate.open()
        request = await house.ended(request_id)
    assert request.status is RequestStatus.FAILED
    assert request.answer is not None
    assert json.loads(request.answer)["error"]["code"] == "expired"


async def test_a_cancelled_turn_is_charged_though_the_worker_stops_at_that_moment(
    house: House, requests: BusyRequests, engine: ScriptedEngine
) -> None:
    at_turn = Gate()
    engine.queue.append([[Delta(text="a"), Delta(text="b")], at_turn])
    request_id = await house.submit()
    working = asyncio.create_task(house.worker.run())
    await at_turn.reached.wait()
    requests.gate = at_requeue = Gate()
    await house.background.cancel(CALLER, request_id)
    await at_requeue.reached.wait()
    working.cancel()
    await looped()
    at_requeue.open()
    await asyncio.wait([working])
    assert (await house.kept(request_id)).status is RequestStatus.CANCELLED
    _, usage, _ = await house.store.ledger.total(DEFAULT_PROJECT)
    assert usage.output_tokens == 2
    assert house.replica.in_flight == 0


async def test_what_is_claimed_while_the_worker_stops_is_given_back_uncounted(
    house: House, requests: BusyRequests
) -> None:
    requests.claiming = Gate()
    request_id = await house.submit()
    working = asyncio.create_task(house.worker.run())
    await requests.claiming.reached.wait()
    house.worker.stop_claiming()
    idle = asyncio.create_task(house.worker.idle())
    await looped()
    assert not idle.done()
    requests.claiming.open()
    await idle
    working.cancel()
    await asyncio.wait([working])
    request = await house.kept(request_id)
    assert (request.status, request.attempt) == (RequestStatus.QUEUED, 0)
    assert house.replica.in_flight == 0
