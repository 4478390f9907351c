"""The counting of a prompt's tokens, through the official clients."""

from __future__ import annotations

import anthropic
import openai
import pytest
from anthropic.types import ToolParam

from forebay.core.engine_errors import EngineUnavailable
from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, says

HI: list[anthropic.types.MessageParam] = [{"role": "user", "content": "hi"}]
TOOL: ToolParam = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


async def test_a_message_is_counted_without_a_cap_of_its_output(
    front: Front, engine: ScriptedEngine
) -> None:
    count = await front.anthropic.messages.count_tokens(
        model=MODEL, system="Be brief.", messages=HI, tools=[TOOL]
    )
    assert count.input_tokens == 10
    (turn,) = engine.counted
    assert turn.messages == [{"role": "system", "content": "Be brief."}, *HI]
    assert [tool["function"]["name"] for tool in turn.tools] == ["look"]  # type: ignore[index]
    assert engine.models_used == ["tiny"]


async def test_a_response_is_counted_in_the_words_of_its_api(
    front: Front, engine: ScriptedEngine
) -> None:
    count = await front.openai.responses.input_tokens.count(
        model="small", instructions="Be brief.", input="hi"
    )
    assert (count.object, count.input_tokens) == ("response.input_tokens", 10)
    assert engine.counted[0].messages == [{"role": "system", "content": "Be brief."}, *HI]


async def test_what_a_response_continues_is_counted_with_it(
    front: Front, engine: ScriptedEngine
) -> None:
    response = await front.openai.responses.create(model=MODEL, input="hi")
    await front.openai.responses.input_tokens.count(
        model=MODEL, previous_response_id=response.id, input="and?"
    )
    engine.queue.append(says("ok"))
    await front.openai.responses.create(model=MODEL, previous_response_id=response.id, input="and?")
    assert engine.counted[0].messages == engine.turns[-1].messages
    assert [message["role"] for message in engine.counted[0].messages] == [
        "user",
        "assistant",
        "user",
    ]


async def test_an_unknown_previous_response_cannot_be_counted(front: Front) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.responses.input_tokens.count(
            model=MODEL, previous_response_id="resp_none", input="hi"
        )
    assert caught.value.param == "previous_response_id"


async def test_an_unknown_model_is_refused_in_each_vendors_words(front: Front) -> None:
    with pytest.raises(anthropic.NotFoundError) as theirs:
        await front.anthropic.messages.count_tokens(model="none", messages=HI)
    assert theirs.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    with pytest.raises(openai.NotFoundError) as ours:
        await front.openai.responses.input_tokens.count(model="none", input="hi")
    assert ours.value.code == "model_not_found"


async def test_an_engine_that_cannot_count_now_is_told_in_each_vendors_words(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.tokens = EngineUnavailable("the engine broke off its answer")
    with pytest.raises(anthropic.APIStatusError) as theirs:
        await front.anthropic.messages.count_tokens(model=MODEL, messages=HI)
    assert theirs.value.status_code == 529
    with pytest.raises(openai.InternalServerError) as ours:
        await front.openai.responses.input_tokens.count(model=MODEL, input="hi")
    assert ours.value.code == "engine_unavailable"


async def test_a_bad_message_is_refused_by_name(front: Front, engine: ScriptedEngine) -> None:
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        await front.anthropic.messages.count_tokens(model=MODEL, messages=[])
    assert engine.counted == []


async def test_a_version_of_the_api_counts_what_it_would_run(front: Front) -> None:
    document = {"type": "document", "source": {"type": "text", "data": "x"}}
    answer = await front.http.post(
        "/v1/messages/count_tokens",
        headers={"anthropic-version": "2026-10-21"},
        json={"model": MODEL, "messages": [{"role": "assistant", "content": [document]}]},
    )
    assert answer.status_code == 400
    assert "document" in answer.json()["error"]["message"]


async def test_a_stranger_counts_nothing(front: Front, engine: ScriptedEngine) -> None:
    with pytest.raises(openai.AuthenticationError):
        await front.openai_as("fb-nobody").responses.input_tokens.count(model=MODEL, input="hi")
    assert engine.counted == []


async def test_a_count_is_asked_for_by_post(front: Front) -> None:
    answer = await front.http.get("/v1/messages/count_tokens")
    assert answer.status_code == 405
    assert answer.json()["error"]["type"] == "invalid_request_error"
