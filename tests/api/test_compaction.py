"""Compaction: the user's words are kept, the rest comes back sealed and is opened again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from forebay.dialects.turn import Delta
from tests.api.conftest import MODEL, Front
from tests.api.response_calls import contents
from tests.fakes import Gate, Script, ScriptedEngine, says

HISTORY: Any = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]


async def compact(front: Front, **body: Any) -> dict[str, Any]:
    """Return a compaction as it stands in the body.

    The SDK's own type knows no messages of the user there, which the vendor's answers have.
    """
    raw = await front.openai.responses.with_raw_response.compact(model=MODEL, **body)
    compacted: dict[str, Any] = json.loads(raw.text)
    return compacted


async def test_a_conversation_is_compacted_and_goes_on(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(says("They counted."))
    compacted = await compact(front, input=HISTORY)
    output: Any = compacted["output"]
    assert [item["type"] for item in output] == ["message", "message", "compaction"]
    assert compacted["object"] == "response.compaction"
    assert compacted["usage"]["output_tokens"] == 2
    assert "They counted." not in str(output)
    await front.openai.responses.create(
        model=MODEL, input=[*output, {"role": "user", "content": "four"}]
    )
    one, three, summary, four = contents(engine)
    assert (one, three, four) == ("one", "three", "four")
    assert summary.endswith("They counted.")


async def test_an_earlier_response_is_compacted_by_its_id(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await front.openai.responses.create(model=MODEL, input="one")
    compacted = await compact(front, previous_response_id=first.id)
    assert contents(engine)[:2] == ["one", "Hello."]
    assert [item["type"] for item in compacted["output"]] == ["message", "compaction"]


async def test_a_compaction_is_not_stored(front: Front) -> None:
    compacted = await compact(front, input=HISTORY)
    found = await front.http.get(f"/v1/responses/{compacted['id']}")
    assert found.status_code == 404


@pytest.mark.parametrize(
    "script",
    [
        says("They cou", finish_reason="length"),
        says("", finish_reason="length"),
        says(" \n"),
        [[Delta(reasoning="hm")], [Delta(finish_reason="stop")]],
    ],
    ids=["cut off", "nothing", "blank", "reasoning alone"],
)
async def test_no_caller_is_given_less_than_a_whole_summary(
    front: Front, engine: ScriptedEngine, script: Script
) -> None:
    engine.queue.append(script)
    answer = await front.http.post("/v1/responses/compact", json={"model": MODEL, "input": HISTORY})
    assert answer.status_code == 502
    assert "summary" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [{}, {"model": MODEL}, {"model": MODEL, "input": 3}])
async def test_a_bad_body_is_refused(front: Front, body: dict[str, object]) -> None:
    answer = await front.http.post("/v1/responses/compact", json=body)
    assert answer.status_code == 400


async def test_a_compaction_of_another_make_is_refused(front: Front) -> None:
    item: Any = [{"type": "compaction", "encrypted_content": "gAAAA"}]
    with pytest.raises(openai.BadRequestError) as refused:
        await front.openai.responses.create(model=MODEL, input=item)
    assert refused.value.param == "input[0].encrypted_content"


async def test_who_leaves_ends_the_turn(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([gate])
    asking = asyncio.create_task(front.openai.responses.compact(model=MODEL, input=HISTORY))
    await gate.reached.wait()
    asking.cancel()
    await engine.was_cancelled.wait()
