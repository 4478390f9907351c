"""Background streams when the store is unsure, or holds what nobody can read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from forebay.store.database import Database
from forebay.store.events import EventGroup
from forebay.store.store import Store
from tests.fakes import Gate, says, until
from tests.lanes.busy_store import BusyEvents
from tests.lanes.house import House
from tests.lanes.loops import running
from tests.lanes.streams import numbers_of, seen_until, text_of, whole_stream

DELTA = "response.output_text.delta"


@pytest.fixture
def events(database: Database) -> BusyEvents:
    """Events that are unsure when asked."""
    return BusyEvents(database)


@pytest.fixture
def store(store: Store, events: BusyEvents) -> Store:
    """A store with such events."""
    return replace(store, events=events)


async def test_events_of_which_nobody_knows_whether_they_were_kept_are_shown_once(
    house: House, events: BusyEvents
) -> None:
    gate = Gate()
    house.engine.queue.append([[Delta(text="One")], gate, *says(" two", " three")])
    events.unsure = 1
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        await gate.reached.wait()
        await seen_until(house, request_id, DELTA)
        gate.open()
        await house.ended(request_id)
    shown = await whole_stream(house, request_id)
    assert numbers_of(shown) == list(range(len(shown)))
    assert text_of(shown) == "One two three"


async def test_the_next_attempt_reads_on_behind_such_events(
    house: House, events: BusyEvents
) -> None:
    gate, last = Gate(), Gate()
    house.engine.queue += [
        [[Delta(reasoning="think")], gate, [Delta(reasoning="ing")], [Delta(text="One")], last],
        says("Done."),
    ]
    events.unsure = 2
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        await gate.reached.wait()
        await seen_until(house, request_id, "response.reasoning_text.delta")
        gate.open()
        await seen_until(house, request_id, DELTA)
    async with running(house.worker.run):
        shown = await whole_stream(house, request_id)
    assert numbers_of(shown) == list(range(len(shown)))
    assert shown[-1]["type"] == "response.completed"


async def test_events_that_cannot_be_read_do_not_take_the_worker_with_them(
    house: House, events: BusyEvents
) -> None:
    broken = await house.submit(stream=True)
    (request,) = await house.store.requests.claim(
        "tiny", limit=1, lease_expires_at=house.leases.until()
    )
    assert request.lease_id is not None
    delta = b'data: {"type":"response.output_text.delta","sequence_number":2,"output_index":0}\n\n'
    group = EventGroup(first_number=2, last_number=2, events=delta)
    await events.append(broken, request.lease_id, group)
    await house.store.leases.void_all()
    async with running(house.worker.run):

        async def was_tried() -> bool:
            return (await house.kept(broken)).attempt == 2

        await until(was_tried)
        other = await house.submit()
        assert (await house.ended(other)).status is RequestStatus.COMPLETED


async def test_a_worker_is_idle_when_what_it_runs_has_ended(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([gate, *says("done")])
    await house.submit()
    async with running(house.worker.run):
        await gate.reached.wait()
        house.worker.stop_claiming()
        idle = asyncio.create_task(house.worker.idle())
        await asyncio.sleep(0)
        assert not idle.done()
        gate.open()
        await idle
    assert house.replica.in_flight == 0
