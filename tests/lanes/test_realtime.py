"""Realtime: settled before the last byte, charged for what was delivered and for nothing else."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.core.errors import Overloaded, TurnTimedOut
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from forebay.scheduler.slot import Slot
from forebay.store.database import Database, StoreFailed, Tx
from tests.fakes import Gate, ScriptedEngine, looped, says
from tests.lanes.house import House
from tests.lanes.loops import running
from tests.store.makers import entry

# 6 fresh, 4 cached and 2 output tokens of the model's price, in nano-units.
ASAP_NANOS = 12_000


async def test_an_answer_is_charged_when_it_returns(house: House) -> None:
    final = await house.realtime().answer(house.admit())
    assert final["status"] == "completed"
    assert await house.charges() == (1, ASAP_NANOS)


async def test_a_slower_window_costs_less(house: House) -> None:
    await house.realtime().answer(house.admit(metadata={"completion_window": "standard"}))
    assert await house.charges() == (1, ASAP_NANOS // 2)


async def test_a_stored_answer_is_kept_with_its_charge(house: House) -> None:
    accepted = house.admit(store=True)
    await house.realtime().answer(accepted)
    request = await house.kept(accepted.call.id)
    assert request.status is RequestStatus.COMPLETED
    assert await house.charges() == (1, ASAP_NANOS)


async def test_a_stream_gives_its_end_only_once_the_charge_is_on_disk(
    house: House, database: Database
) -> None:
    go_on, is_held = threading.Event(), threading.Event()

    async def hold(_: Tx) -> None:
        is_held.set()
        go_on.wait()

    pieces: list[bytes] = []

    async def collect() -> None:
        async for piece in house.realtime().stream(house.admit()):
            pieces.append(piece)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(is_held.wait)
    collecting = asyncio.create_task(collect())
    await house.engine.has_ended.wait()
    await looped()
    assert b"response.completed" not in b"".join(pieces)
    go_on.set()
    await asyncio.gather(holding, collecting)
    assert b"response.completed" in pieces[-1]
    assert await house.charges() == (1, ASAP_NANOS)


async def test_a_ledger_that_fails_keeps_the_answer_back(house: House) -> None:
    accepted = house.admit()
    await house.store.ledger.record(entry(accepted.call.id))
    with pytest.raises(StoreFailed):
        await house.realtime().answer(accepted)


async def test_a_ledger_that_fails_ends_a_stream_with_the_error(house: House) -> None:
    accepted = house.admit()
    await house.store.ledger.record(entry(accepted.call.id))
    events = b"".join([piece async for piece in house.realtime().stream(accepted)])
    assert b"response.failed" in events
    assert b"response.completed" not in events


async def test_a_caller_that_leaves_a_stream_pays_for_what_it_was_given(house: House) -> None:
    house.engine.queue.append([[Delta(text="a"), Delta(text="b"), Delta(text="c")], Gate()])
    accepted = house.admit("four bytes a token")
    async with aclosing(house.realtime().stream(accepted)) as events:
        await anext(events)
    assert house.engine.cancelled == ["four bytes a token"]
    count, usage, _ = await house.store.ledger.total(DEFAULT_PROJECT)
    assert count == 1
    assert usage.output_tokens == 3
    assert usage.input_tokens > 0


async def test_a_caller_that_leaves_before_the_first_token_pays_nothing(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([gate])
    answering = asyncio.create_task(house.realtime().answer(house.admit()))
    await gate.reached.wait()
    answering.cancel()
    await asyncio.wait([answering])
    assert answering.cancelled()
    assert await house.charges() == (0, 0)


async def test_a_caller_that_leaves_while_its_charge_is_written_is_charged_once(
    house: House, database: Database
) -> None:
    go_on = threading.Event()

    async def hold(_: Tx) -> None:
        go_on.wait()

    holding = asyncio.create_task(database.write(hold))
    await asyncio.sleep(0)
    answering = asyncio.create_task(house.realtime().answer(house.admit()))
    await house.engine.has_ended.wait()
    await looped()
    answering.cancel()
    go_on.set()
    await asyncio.wait([answering, holding])
    assert await house.charges() == (1, ASAP_NANOS)


@pytest.mark.parametrize("error", [EngineFailed("broke"), EngineUnavailable("gone")])
async def test_a_turn_that_fails_is_not_charged(house: House, error: Exception) -> None:
    house.engine.queue.append([[Delta(text="half")], error])
    with pytest.raises(type(error)):
        await house.realtime().answer(house.admit())
    assert await house.charges() == (0, 0)
    assert house.replica.in_flight == 0


async def test_a_stream_that_breaks_off_is_not_charged(house: House) -> None:
    house.engine.queue.append([[Delta(text="half")], EngineUnavailable("gone")])
    events = b"".join([piece async for piece in house.realtime().stream(house.admit())])
    assert b"half" in events and b"response.failed" in events
    assert await house.charges() == (0, 0)


async def test_a_replica_that_cannot_be_reached_is_left_for_another(house: House) -> None:
    house.engine.queue.append([EngineUnreachable("no route")])
    other = ScriptedEngine()
    house.add_replica(other, slots=1)
    final = await house.realtime().answer(house.admit())
    assert final["status"] == "completed"
    assert (len(house.engine.turns), len(other.turns)) == (1, 1)
    assert not house.replica.is_up
    assert house.troubled == [house.replica]


async def test_a_turn_that_had_begun_is_not_run_again_elsewhere(house: House) -> None:
    house.engine.queue.append([[Delta(text="half")], EngineUnavailable("gone")])
    other = ScriptedEngine()
    house.add_replica(other, slots=1)
    with pytest.raises(EngineUnavailable):
        await house.realtime().answer(house.admit())
    assert other.turns == []
    assert house.replica.is_up
    assert house.troubled == [house.replica]


async def test_when_no_replica_can_be_reached_the_caller_is_told(house: House) -> None:
    house.engine.queue.append([EngineUnreachable("no route")])
    with pytest.raises(EngineUnreachable):
        await house.realtime().answer(house.admit())


async def test_an_interactive_call_that_finds_no_slot_is_refused(house: House) -> None:
    with await taken(house):
        with pytest.raises(Overloaded):
            await house.realtime().answer(house.admit())
        with pytest.raises(Overloaded):
            await anext(house.realtime().stream(house.admit()))
    assert await house.charges() == (0, 0)


async def test_a_call_on_the_flex_tier_is_refused_like_an_interactive_one(house: House) -> None:
    with await taken(house):
        with pytest.raises(Overloaded, match=r"^Resource unavailable: ") as refused:
            await house.realtime().answer(house.admit(service_tier="flex"))
        with pytest.raises(Overloaded, match=r"^Resource unavailable: "):
            await anext(house.realtime().stream(house.admit(service_tier="flex")))
        with pytest.raises(Overloaded, match=r"^'tiny' is busy"):
            await house.realtime().answer(house.admit())
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limit_exceeded", 0.01)
    assert await house.charges() == (0, 0)


async def test_a_call_that_named_a_slower_window_is_held_then_timed_out(house: House) -> None:
    accepted = house.admit(metadata={"completion_window": "standard"})
    with await taken(house), pytest.raises(TurnTimedOut):
        await house.realtime().answer(accepted)
    assert await house.charges() == (0, 0)


async def test_a_stored_response_that_was_held_too_long_goes_on_in_the_background(
    house: House,
) -> None:
    accepted = house.admit(metadata={"completion_window": "standard"}, store=True)
    with await taken(house), pytest.raises(TurnTimedOut, match=accepted.call.id):
        await house.realtime().answer(accepted)
    waiting = await house.kept(accepted.call.id)
    assert (waiting.status, waiting.lane) == (RequestStatus.QUEUED, Lane.BACKGROUND)
    async with running(house.worker.run):
        done = await house.ended(accepted.call.id)
    assert done.status is RequestStatus.COMPLETED
    assert (await house.charges())[0] == 1


async def test_a_call_that_is_held_runs_when_a_slot_frees(house: House) -> None:
    accepted = house.admit(metadata={"completion_window": "standard"})
    with await taken(house) as slots:
        answering = asyncio.create_task(house.realtime(sync_timeout_s=9).answer(accepted))
        await asyncio.sleep(0)
        slots.release_one()
        assert (await answering)["status"] == "completed"


async def test_an_engine_that_says_nothing_still_opens_and_ends_its_stream(house: House) -> None:
    house.engine.queue.append([])
    pieces = [piece async for piece in house.realtime().stream(house.admit())]
    assert b"response.created" in pieces[0]
    assert b"response.completed" in pieces[-1]


async def test_a_missed_window_is_told_and_recorded(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([gate, *says("late")])
    answering = asyncio.create_task(house.realtime().answer(house.admit()))
    await gate.reached.wait()
    house.clock.move(31)
    gate.open()
    extension = (await answering)["forebay"]
    assert isinstance(extension, dict) and extension["window_missed"] is True


class Taken:
    """Slots that are held, and given back at the end."""

    def __init__(self, slots: list[Slot]) -> None:
        self._slots = slots

    def __enter__(self) -> Taken:
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.release()

    def release_one(self) -> None:
        """Give one slot back."""
        self._slots.pop().release()


async def taken(house: House) -> Taken:
    """Take every slot of the house's replica."""
    pool, deadline_at = house.served.pool, house.clock.now()
    return Taken(
        [
            await house.dispatcher.acquire(pool, band_rank=0, deadline_at=deadline_at)
            for _ in range(house.replica.slots)
        ]
    )


async def test_a_prepared_response_is_kept_and_runs_and_costs_nothing(house: House) -> None:
    accepted = house.admit(store=True)
    events = await house.realtime().prepare(accepted)
    request = await house.kept(accepted.call.id)
    assert request.status is RequestStatus.COMPLETED
    assert request.answer is not None and request.answer in events
    assert (house.engine.turns, await house.charges()) == ([], (0, 0))


async def test_a_prepared_response_that_is_not_to_be_stored_is_not_kept(house: House) -> None:
    accepted = house.admit()
    await house.realtime().prepare(accepted)
    assert await house.store.requests.get(DEFAULT_PROJECT, accepted.call.id) is None
