"""What an engine lacks is made up for: tools by a schema, and prompts that are too long."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import ContextTooLong, RequestRejected
from forebay.core.models import ToolCalling
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import Turn
from forebay.lanes.admission import Accepted
from tests.fakes import ScriptedEngine, says
from tests.lanes.house import CALLER, House

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
CALL = '{"tool_calls":[{"name":"weather","arguments":{"city":"Paris"}}]}'


def chat(house: House, *, model: str = "tiny", **others: Any) -> Accepted:
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": model, "messages": messages, **others}
    return house.admission.admit(DialectName.CHAT, body, CALLER)


async def answered(house: House, accepted: Accepted) -> Answer:
    answer = Answer()
    async with aclosing(house.turns.stream(accepted, answer, max_wait_s=1.0)) as running:
        async for _ in running:
            pass
    return answer


def loose(house: House) -> ScriptedEngine:
    """Serve "loose", whose engine calls no tools by itself."""
    engine = ScriptedEngine()
    served = house.serve("loose", tool_calling=ToolCalling.FORCED)
    house.add_replica(engine, served=served)
    return engine


async def test_a_loose_engine_is_held_to_a_schema_and_its_answer_read_as_a_call(
    house: House,
) -> None:
    engine = loose(house)
    engine.queue.append(says(CALL[:20], CALL[20:]))
    answer = await answered(house, chat(house, model="loose", tools=[TOOL]))
    (asked,) = engine.turns
    assert isinstance(asked, Turn)
    assert asked.tools == []
    assert asked.response_format is not None
    (call,) = answer.tool_calls
    assert (call.name, call.arguments) == ("weather", '{"city":"Paris"}')
    assert answer.finish_reason == "tool_calls"


async def test_an_engine_with_tools_of_its_own_is_left_alone(
    house: House, engine: ScriptedEngine
) -> None:
    await answered(house, chat(house, tools=[TOOL]))
    (asked,) = engine.turns
    assert isinstance(asked, Turn)
    assert (asked.tools, asked.response_format) == ([TOOL], None)


async def test_the_calls_of_every_choice_have_ids_of_their_own(house: House) -> None:
    engine = loose(house)
    engine.queue.extend([says(CALL), says(CALL)])
    answer = await answered(house, chat(house, model="loose", tools=[TOOL], n=2))
    ids = [call.id for choice in answer.choices for call in choice.tool_calls]
    assert len(set(ids)) == 2


async def test_an_engine_that_ignores_the_schema_fails_the_turn(house: House) -> None:
    loose(house).queue.append(says("Nice weather today."))
    with pytest.raises(EngineFailed):
        await answered(house, chat(house, model="loose", tools=[TOOL]))


async def test_a_schema_that_no_grammar_can_follow_is_refused_at_the_door(house: House) -> None:
    loose(house)
    remote = {"type": "object", "properties": {"x": {"$ref": "https://example.com/schema"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": remote}}
    with pytest.raises(RequestRejected):
        chat(house, model="loose", tools=[tool])


def long_response(house: House, truncation: str) -> Accepted:
    items = [{"role": "user", "content": f"{number}" * 50} for number in range(9)]
    body: dict[str, object] = {"model": "tiny", "input": items, "truncation": truncation}
    return house.admission.admit(DialectName.RESPONSES, body, CALLER)


async def test_a_prompt_that_is_too_long_loses_its_oldest_messages_until_it_fits(
    house: House, engine: ScriptedEngine
) -> None:
    engine.queue.extend([[ContextTooLong("too long")], [ContextTooLong("too long")], says("ok")])
    answer = await answered(house, long_response(house, "auto"))
    assert answer.text == "ok"
    lengths = [len(turn.messages) for turn in engine.turns if isinstance(turn, Turn)]
    assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) == 3
    assert house.replica.in_flight == 0


async def test_a_prompt_that_can_lose_nothing_more_is_refused(
    house: House, engine: ScriptedEngine
) -> None:
    engine.queue.extend([[ContextTooLong("too long")]] * 20)
    with pytest.raises(ContextTooLong):
        await answered(house, long_response(house, "auto"))


async def test_without_the_wish_nothing_is_left_out(house: House, engine: ScriptedEngine) -> None:
    engine.queue.append([ContextTooLong("too long")])
    with pytest.raises(ContextTooLong):
        await answered(house, long_response(house, "disabled"))
    assert len(engine.turns) == 1
