"""What callers carry sealed for us: each project's seals are opened for that project alone."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.dialects.turn import Delta, JsonObject
from tests.api.conftest import KEY, MODEL, Front
from tests.api.conversation_calls import message
from tests.api.response_calls import say
from tests.fakes import ScriptedEngine, Step, says

THOUGHT: list[Step] = [[Delta(reasoning="a secret thought")], *says("so")]


async def reasoned(front: Front, engine: ScriptedEngine, *, is_streamed: bool) -> JsonObject:
    """Return an item of reasoning as a caller keeps it that is shown no text of it."""
    engine.queue.append(THOUGHT)
    asked: Any = {"model": MODEL, "input": "hi", "include": ["reasoning.encrypted_content"]}
    if is_streamed:
        async with front.openai.responses.stream(**asked) as stream:
            response = await stream.get_final_response()
    else:
        response = await front.openai.responses.create(**asked)
    item: JsonObject = response.output[0].model_dump()
    return {**item, "content": []}


async def thought(front: Front, engine: ScriptedEngine, *, is_streamed: bool) -> str:
    """Return the signature of some thinking."""
    engine.queue.append(THOUGHT)
    asked: Any = {
        "model": MODEL,
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": "hi"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    if is_streamed:
        async with front.anthropic.messages.stream(**asked) as stream:
            final = await stream.get_final_message()
    else:
        final = await front.anthropic.messages.create(**asked)
    block = final.content[0]
    assert block.type == "thinking"
    return block.signature


async def test_a_compaction_is_opened_for_its_own_project_alone(
    front: Front, engine: ScriptedEngine
) -> None:
    compacted = await front.http.post(
        "/v1/responses/compact", json={"model": MODEL, "input": "secret"}
    )
    body = {"model": MODEL, "input": [compacted.json()["output"][-1]]}
    key = await front.key_of_another_project()
    turns = len(engine.turns)
    refused = await front.http.post(
        "/v1/responses", headers={"authorization": f"Bearer {key}"}, json=body
    )
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input[0].encrypted_content"
    assert len(engine.turns) == turns
    assert (await front.http.post("/v1/responses", json=body)).status_code == 200


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_encrypted_reasoning_is_read_for_its_own_project_alone(
    front: Front, engine: ScriptedEngine, is_streamed: bool
) -> None:
    sealed = await reasoned(front, engine, is_streamed=is_streamed)
    items: Any = [sealed, {"role": "assistant", "content": "so"}, message("and?")]
    foreign = front.openai_as(await front.key_of_another_project())
    await foreign.responses.create(model=MODEL, input=items)
    assert "reasoning_content" not in engine.turns[-1].messages[0]
    await say(front, items)
    assert engine.turns[-1].messages[0]["reasoning_content"] == "a secret thought"


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_signed_thinking_is_read_for_its_own_project_alone(
    front: Front, engine: ScriptedEngine, is_streamed: bool
) -> None:
    signature = await thought(front, engine, is_streamed=is_streamed)
    thinking: Any = {"type": "thinking", "thinking": "", "signature": signature}
    messages: Any = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thinking, {"type": "text", "text": "so"}]},
        {"role": "user", "content": "and?"},
    ]
    for key, is_read in ((await front.key_of_another_project(), False), (KEY, True)):
        client = front.anthropic.with_options(api_key=key)
        await client.messages.create(model=MODEL, max_tokens=9, messages=messages)
        assert ("a secret thought" in str(engine.turns[-1].messages)) is is_read
