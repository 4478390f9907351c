"""Responses that continue others: their history, and what they were asked with."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.dialects.turn import Delta, ToolCallPiece, Turn
from tests.api.conftest import MODEL, Front
from tests.api.conversation_calls import message
from tests.api.response_calls import output_id, reference, say
from tests.api.test_responses import ended
from tests.fakes import Gate, ScriptedEngine, Step


def asked(engine: ScriptedEngine) -> list[tuple[Any, Any]]:
    """Return the role and content of the last turn's messages."""
    turn = engine.turns[-1]
    assert isinstance(turn, Turn)
    return [(message["role"], message["content"]) for message in turn.messages]


TOOL_CALL: list[Step] = [
    [Delta(tool_calls=(ToolCallPiece(0, "call_1", "f", "{}"),))],
    [Delta(finish_reason="tool_calls")],
]


async def test_a_response_continues_all_that_came_before(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one", instructions="Be brief.")
    second = await say(front, "two", previous_response_id=first)
    made = await front.openai.responses.create(
        model=MODEL, input="three", previous_response_id=second, instructions="Be loud."
    )
    assert asked(engine) == [
        ("system", "Be loud."),
        ("user", "one"),
        ("assistant", "Hello."),
        ("user", "two"),
        ("assistant", "Hello."),
        ("user", "three"),
    ]
    assert made.previous_response_id == second


async def test_a_tool_is_answered_over_the_previous_response(
    front: Front, engine: ScriptedEngine
) -> None:
    call = {"type": "function", "name": "f", "parameters": {}, "strict": False}
    engine.queue.append(TOOL_CALL)
    first = await say(front, "call it", tools=[call])
    output: Any = [{"type": "function_call_output", "call_id": "call_1", "output": "42"}]
    await front.openai.responses.create(model=MODEL, input=output, previous_response_id=first)
    assert asked(engine)[-1] == ("tool", "42")


async def test_a_streamed_and_a_background_response_continue_too(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await say(front, "one", background=True)
    await ended(front, first)
    second = await say(front, "two", previous_response_id=first, background=True)
    await ended(front, second)
    stream = await front.openai.responses.create(
        model=MODEL, input="three", previous_response_id=second, stream=True
    )
    assert [event async for event in stream][-1].type == "response.completed"
    assert [content for _, content in asked(engine)][::2] == ["one", "two", "three"]


@pytest.mark.parametrize("how", ["unknown", "unstored", "deleted", "a chat"])
async def test_what_is_not_there_cannot_be_continued(front: Front, how: str) -> None:
    previous = "resp_unknown"
    if how in ("unstored", "deleted"):
        previous = await say(front, "one", store=how != "unstored")
    if how == "deleted":
        await front.openai.responses.delete(previous)
    if how == "a chat":
        chat = await front.openai.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "one"}], store=True
        )
        previous = chat.id
    with pytest.raises(openai.BadRequestError) as refused:
        await say(front, "two", previous_response_id=previous)
    assert refused.value.code == "previous_response_not_found"
    assert refused.value.param == "previous_response_id"


async def test_a_running_response_cannot_be_continued_yet(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([Gate()])
    running = await say(front, "one", background=True)
    with pytest.raises(openai.BadRequestError, match="cannot be continued"):
        await say(front, "two", previous_response_id=running)


async def test_items_can_be_referred_to_by_their_ids(front: Front, engine: ScriptedEngine) -> None:
    first = await front.openai.responses.create(model=MODEL, input="one")
    reference: Any = {"type": "item_reference", "id": first.output[0].id}
    second = await front.openai.responses.create(
        model=MODEL, input=[reference, {"role": "user", "content": "two"}]
    )
    assert asked(engine) == [("assistant", "Hello."), ("user", "two")]
    await say(front, "three", previous_response_id=second.id)
    assert asked(engine)[:2] == [("assistant", "Hello."), ("user", "two")]


async def test_a_reference_to_nothing_is_refused(front: Front) -> None:
    reference: Any = [{"type": "item_reference", "id": "msg_nothing_0"}]
    with pytest.raises(openai.BadRequestError, match="'msg_nothing_0' not found"):
        await front.openai.responses.create(model=MODEL, input=reference)


@pytest.mark.parametrize("how", ["twice", "after what it was said in", "under an id of its own"])
async def test_an_item_is_in_an_input_once(front: Front, engine: ScriptedEngine, how: str) -> None:
    first = await say(front, "one")
    item = reference(await output_id(front, first))
    items: Any = [item, item]
    others: dict[str, str] = {}
    if how == "after what it was said in":
        items, others = [item, message("two")], {"previous_response_id": first}
    elif how == "under an id of its own":
        items = [message("one", id="msg_1"), message("two", id="msg_1")]
    turns = len(engine.turns)
    with pytest.raises(openai.BadRequestError, match="Duplicate item found") as refused:
        await say(front, items, **others)
    assert refused.value.param == "input"
    assert len(engine.turns) == turns


async def test_what_was_asked_is_listed_newest_first_with_its_history(front: Front) -> None:
    first = await say(front, "one")
    second = await say(front, "two", previous_response_id=first)
    items = await front.openai.responses.input_items.list(second)
    texts = [item.model_dump()["content"][0]["text"] for item in items.data]
    assert texts == ["two", "Hello.", "one"]
    assert not items.has_more


async def test_what_was_asked_is_paged(front: Front) -> None:
    questions: Any = [{"role": "user", "content": str(number)} for number in range(5)]
    made = await front.openai.responses.create(model=MODEL, input=questions)
    pages = front.openai.responses.input_items.list(made.id, limit=2, order="asc")
    texts = [item.model_dump()["content"][0]["text"] async for item in pages]
    assert texts == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "order=up", "after=x", "include=x"])
async def test_a_bad_page_of_what_was_asked_is_refused(front: Front, query: str) -> None:
    made = await say(front, "one")
    answer = await front.http.get(f"/v1/responses/{made}/input_items?{query}")
    assert answer.status_code == 400


async def test_an_unknown_include_is_refused_where_a_response_is_looked_at(front: Front) -> None:
    made = await say(front, "one")
    answer = await front.http.get(f"/v1/responses/{made}?include[]=x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "include[0]")
