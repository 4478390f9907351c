"""Idempotency: one of many runs, one is charged, and what fails leaves its key free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import IdempotencyKeySpent, LeaseLost, NotFound, StillRunning
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.admission import Accepted
from forebay.lanes.idempotency import Idempotency
from forebay.store.reservations import Birth, KeyTaken, KeyUse
from tests.fakes import Gate, ScriptedEngine, says
from tests.lanes.house import House
from tests.lanes.loops import running

USE = KeyUse(
    project_id=DEFAULT_PROJECT,
    key_id="key_1",
    route="/v1/responses",
    idempotency_key="once",
    fingerprint="abc",
)
OTHER_BODY = KeyUse(
    project_id=DEFAULT_PROJECT,
    key_id="key_1",
    route="/v1/responses",
    idempotency_key="once",
    fingerprint="xyz",
)
DATABASES = ("sqlite", "postgres")

Runs = Callable[[House, Idempotency, Accepted], Awaitable[object]]


@pytest.fixture
def idempotency(house: House) -> Idempotency:
    return Idempotency(house.store.reservations, house.leases, new_id=house.new_id)


async def run(house: House, idempotency: Idempotency, accepted: Accepted) -> str:
    """Run a call under the key and return the id of its answer."""
    async with idempotency.holding(USE, accepted.call.id) as hold:
        final = await house.realtime().answer(accepted, first=hold.ending)
    return str(final["id"])


async def stream(house: House, idempotency: Idempotency, accepted: Accepted) -> bytes:
    """Run a streamed call under the key and return its events."""
    async with idempotency.holding(USE, accepted.call.id) as hold:
        pieces = house.realtime().stream(accepted, first=hold.ending)
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("is_stored", [True, False])
async def test_what_has_run_is_found_and_charged_once(
    house: House, idempotency: Idempotency, is_stored: bool
) -> None:
    assert await idempotency.find(USE) is None
    made = await run(house, idempotency, house.admit(store=is_stored))
    assert await idempotency.find(USE) == made
    assert (await house.charges())[0] == 1


async def test_what_was_streamed_is_found(house: House, idempotency: Idempotency) -> None:
    accepted = house.admit(stream=True)
    await stream(house, idempotency, accepted)
    assert await idempotency.find(USE) == accepted.call.id


async def test_what_was_added_to_a_conversation_is_found(
    house: House, idempotency: Idempotency
) -> None:
    conversation = await house.store.conversations.create(DEFAULT_PROJECT, metadata={})
    body = {"model": "tiny", "input": "hi", "store": False, "conversation": conversation.id}
    caller = house.admit().caller
    context = await house.contexts.of(caller, body)
    accepted = house.admission.admit(house.admit().dialect.name, body, caller, context=context)
    made = await run(house, idempotency, accepted)
    assert await idempotency.find(USE) == made
    items = await house.store.conversations.items(DEFAULT_PROJECT, conversation.id)
    assert items is not None and len(items) == 2


async def test_another_body_is_refused(house: House, idempotency: Idempotency) -> None:
    await run(house, idempotency, house.admit())
    with pytest.raises(IdempotencyKeySpent):
        await idempotency.find(OTHER_BODY)


async def test_a_call_that_runs_keeps_others_from_running(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("done")]
    first = asyncio.create_task(run(house, idempotency, house.admit("slow")))
    await gate.reached.wait()
    with pytest.raises(StillRunning):
        await idempotency.find(USE)
    with pytest.raises(KeyTaken):
        await run(house, idempotency, house.admit("slow"))
    gate.open()
    assert await first == await idempotency.find(USE)
    assert engine.prompts == ["slow"]


async def test_of_many_at_the_same_instant_exactly_one_runs(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    calls = [run(house, idempotency, house.admit()) for _ in range(8)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(end, KeyTaken) for end in ended) == 7
    assert len(engine.turns) == 1
    assert (await house.charges())[0] == 1


@pytest.mark.parametrize("runs", [run, stream])
async def test_a_key_whose_engine_failed_is_free(
    house: House, idempotency: Idempotency, engine: ScriptedEngine, runs: Runs
) -> None:
    engine.by_prompt["fail"] = [EngineFailed("no")]
    accepted = house.admit("fail", stream=runs is stream, store=True)
    with pytest.raises(EngineFailed):
        await runs(house, idempotency, accepted)
    assert await idempotency.find(USE) is None


async def test_a_key_whose_stream_broke_is_free(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    engine.by_prompt["break"] = [says("a")[0], EngineFailed("no")]
    accepted = house.admit("break", stream=True, store=True)
    assert b"response.failed" in await stream(house, idempotency, accepted)
    assert await idempotency.find(USE) is None
    assert (await house.charges())[0] == 0


async def test_a_key_whose_caller_left_is_free(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate]
    call = asyncio.create_task(run(house, idempotency, house.admit("slow")))
    await gate.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await idempotency.find(USE) is None


async def test_who_lost_the_key_is_cut_off_and_charged_nothing(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("done")]
    late = asyncio.create_task(run(house, idempotency, house.admit("slow")))
    await gate.reached.wait()
    house.clock.move(61)
    made = await run(house, idempotency, house.admit("fast"))
    async with running(house.leases.run):
        with pytest.raises(LeaseLost):
            await late
    assert await idempotency.find(USE) == made
    assert (await house.charges())[0] == 1


async def test_who_lost_the_key_unnoticed_cannot_settle(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("done")]
    late = asyncio.create_task(run(house, idempotency, house.admit("slow")))
    await gate.reached.wait()
    house.clock.move(61)
    made = await run(house, idempotency, house.admit("fast"))
    gate.open()
    with pytest.raises(LeaseLost):
        await late
    assert await idempotency.find(USE) == made
    assert (await house.charges())[0] == 1


async def test_a_key_is_kept_as_long_as_its_work_takes(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("done")]
    call = asyncio.create_task(run(house, idempotency, house.admit("slow")))
    await gate.reached.wait()
    house.clock.move(59)
    async with running(house.leases.run):
        await asyncio.sleep(0)
        await house.store.leases.reap()
    house.clock.move(59)
    with pytest.raises(StillRunning):
        await idempotency.find(USE)
    gate.open()
    assert await call == await idempotency.find(USE)


async def test_an_answer_that_is_kept_is_not_cut_off_by_the_next_renewal(
    house: House, idempotency: Idempotency
) -> None:
    accepted = house.admit()
    async with idempotency.holding(USE, accepted.call.id) as hold:
        await house.realtime().answer(accepted, first=hold.ending)
        async with running(house.leases.run):
            # Its lease is gone by now, because it has ended.
            await house.store.leases.reap()
            await asyncio.sleep(0)
    assert await idempotency.find(USE) == accepted.call.id


async def test_a_call_that_goes_on_in_the_background_is_found_there(
    house: House, idempotency: Idempotency, engine: ScriptedEngine
) -> None:
    gates = [Gate(), Gate()]
    for gate in gates:
        engine.queue.append([gate, *says("done")])
    busy = [asyncio.create_task(house.realtime().answer(house.admit("busy"))) for _ in gates]
    for gate in gates:
        await gate.reached.wait()
    accepted = house.admit("held", store=True, metadata={"completion_window": "standard"})
    with pytest.raises(Exception, match="goes on in the background"):
        await run(house, idempotency, accepted)
    assert await idempotency.find(USE) == accepted.call.id
    for gate in gates:
        gate.open()
    await asyncio.gather(*busy)


async def test_what_one_transaction_makes_is_made_once(
    house: House, idempotency: Idempotency
) -> None:
    async def make(birth: Birth) -> str:
        conversation = await house.store.conversations.create(
            DEFAULT_PROJECT, metadata={}, id=birth.id, first=birth.first
        )
        return conversation.id

    async def show(made_id: str) -> str:
        return made_id

    calls = [idempotency.once(USE, "conv_", make=make, show=show) for _ in range(5)]
    assert len(set(await asyncio.gather(*calls))) == 1


async def test_what_has_no_key_is_made_every_time(idempotency: Idempotency) -> None:
    async def make(birth: Birth) -> str:
        assert birth.first is None
        return birth.id

    async def show(made_id: str) -> str:
        raise NotFound(made_id)

    calls = [idempotency.once(None, "conv_", make=make, show=show) for _ in range(2)]
    assert len(set(await asyncio.gather(*calls))) == 2


async def test_what_is_made_and_gone_is_not_made_again(
    house: House, idempotency: Idempotency
) -> None:
    async def make(birth: Birth) -> None:
        await house.background.submit(house.admit(background=True), first=birth.first)

    async def show(made_id: str) -> None:
        raise NotFound(made_id)

    await idempotency.once(USE, "resp_", make=make, show=show)
    with pytest.raises(IdempotencyKeySpent):
        await idempotency.once(USE, "resp_", make=make, show=show)
