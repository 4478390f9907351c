"""What deletion leaves: it hides a response, and takes nothing from those that build on it."""

from __future__ import annotations

import asyncio

import openai
import pytest

from tests.api.conftest import Front
from tests.api.conversation_calls import message
from tests.api.response_calls import busy, contents, output_id, reference, say
from tests.api.test_responses import ended
from tests.fakes import Gate, ScriptedEngine, says


async def test_a_deleted_response_stays_part_of_what_continues_it(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one")
    second = await say(front, "two", previous_response_id=first)
    await front.openai.responses.delete(first)
    with pytest.raises(openai.NotFoundError):
        await front.openai.responses.retrieve(first)
    await say(front, "three", previous_response_id=second)
    assert contents(engine) == ["one", "Hello.", "two", "Hello.", "three"]


async def test_a_waiting_response_outlives_what_it_continues(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "zero")
    second = await say(front, "one", previous_response_id=first)
    async with busy(front, engine):
        waiting = await say(front, "two", previous_response_id=second, background=True)
        await front.openai.responses.delete(first)
        await front.openai.responses.delete(second)
    assert (await ended(front, waiting)).status == "completed"
    assert contents(engine) == ["zero", "Hello.", "one", "Hello.", "two"]


async def test_a_waiting_response_outlives_what_it_refers_to(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one")
    item = reference(await output_id(front, first))
    async with busy(front, engine):
        waiting = await say(front, [item, message("two")], background=True)
        await front.openai.responses.delete(first)
    assert (await ended(front, waiting)).status == "completed"
    assert contents(engine) == ["Hello.", "two"]


async def test_a_history_keeps_what_it_referred_to(front: Front, engine: ScriptedEngine) -> None:
    first = await say(front, "one")
    item = reference(await output_id(front, first))
    second = await say(front, [item, message("two")])
    await front.openai.responses.delete(first)
    await say(front, "three", previous_response_id=second)
    assert contents(engine) == ["Hello.", "two", "Hello.", "three"]


async def test_what_is_deleted_while_a_caller_waits_stays_part_of_the_answer(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one")
    gate = Gate()
    engine.queue.append([gate, *says("ok")])
    answering = asyncio.create_task(say(front, "two", previous_response_id=first))
    await gate.reached.wait()
    await front.openai.responses.delete(first)
    gate.open()
    await say(front, "three", previous_response_id=await answering)
    assert contents(engine) == ["one", "Hello.", "two", "ok", "three"]


async def test_what_is_deleted_while_a_background_turn_runs_stays_part_of_it(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one")
    gate = Gate()
    engine.queue.append([gate, *says("ok")])
    second = await say(front, "two", previous_response_id=first, background=True)
    await gate.reached.wait()
    await front.openai.responses.delete(first)
    gate.open()
    await ended(front, second)
    await say(front, "three", previous_response_id=second)
    assert contents(engine) == ["one", "Hello.", "two", "ok", "three"]


async def test_what_is_deleted_is_gone_on_every_way_to_it(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one")
    item = reference(await output_id(front, first))
    await front.openai.responses.delete(first)
    turns = len(engine.turns)
    for method, path in (
        *(("GET", ""), ("GET", "?wait=600"), ("GET", "?stream=true"), ("GET", "/input_items")),
        *(("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")),
    ):
        answer = await front.http.request(method, f"/v1/responses/{first}{path}")
        assert answer.status_code == 404, (method, path)
    with pytest.raises(openai.BadRequestError, match="not found"):
        await say(front, "two", previous_response_id=first)
    with pytest.raises(openai.BadRequestError, match="not found"):
        await say(front, [item, message("two")])
    assert len(engine.turns) == turns
