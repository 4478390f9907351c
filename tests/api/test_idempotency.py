"""Idempotency keys on the inference APIs: one turn, one charge, one answer."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from forebay.dialects.turn import Delta, ToolCallPiece
from tests.api.conftest import MODEL, Front
from tests.api.idempotent_calls import HI, once, second_key, spent
from tests.fakes import ScriptedEngine, says

CHAT: Any = {"model": MODEL, "messages": HI}
MESSAGE: Any = {"model": MODEL, "max_tokens": 9, "messages": HI}


async def test_a_stored_response_is_answered_again(front: Front, engine: ScriptedEngine) -> None:
    create = front.openai.responses.create
    first = await create(model=MODEL, input="hi", extra_headers=once())
    again = await create(model=MODEL, input="hi", extra_headers=once())
    assert again == first
    assert len(engine.turns) == 1


async def test_a_call_without_a_key_runs_every_time(front: Front, engine: ScriptedEngine) -> None:
    for _ in range(2):
        await front.openai.responses.create(model=MODEL, input="hi")
    assert len(engine.turns) == 2


async def test_another_body_is_refused_in_openais_words(front: Front) -> None:
    await front.openai.responses.create(model=MODEL, input="hi", extra_headers=once())
    with pytest.raises(openai.BadRequestError, match="another body") as refused:
        await front.openai.responses.create(model=MODEL, input="ho", extra_headers=once())
    assert spent(refused)


async def test_another_body_is_refused_in_anthropics_words(front: Front) -> None:
    create = front.anthropic.messages.create
    header = {"anthropic-idempotency-key": "once"}
    await create(**MESSAGE, extra_headers=header)
    with pytest.raises(anthropic.BadRequestError, match="another body") as refused:
        await create(**{**MESSAGE, "max_tokens": 8}, extra_headers=header)
    assert refused.value.response.headers["x-should-retry"] == "false"
    said = refused.value.response.json()["error"]
    assert said["type"] == "invalid_request_error"
    assert said["details"] == {"error_code": "idempotency_error"}


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_what_was_not_stored_cannot_be_shown_again(
    front: Front, engine: ScriptedEngine, is_streamed: bool
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {**CHAT, "stream": is_streamed}),
        ("/v1/messages", {**MESSAGE, "stream": is_streamed}),
        ("/v1/completions", {"model": MODEL, "prompt": "hi", "stream": is_streamed}),
        ("/v1/responses", {"model": MODEL, "input": "hi", "store": False, "stream": is_streamed}),
    ]
    for path, body in calls:
        assert (await front.http.post(path, json=body, headers=once())).status_code == 200
        again = await front.http.post(path, json=body, headers=once())
        assert again.status_code == 400
        assert "was not stored" in again.json()["error"]["message"]
        assert again.headers["x-should-retry"] == "false"
    assert len(engine.turns) == len(calls)


async def test_embeddings_are_made_once(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([[Delta(embeddings=([1.0, 2.0],))]])
    create = front.openai.embeddings.create
    await create(model=MODEL, input="hi", encoding_format="float", extra_headers=once())
    with pytest.raises(openai.BadRequestError, match="not stored") as refused:
        await create(model=MODEL, input="hi", encoding_format="float", extra_headers=once())
    assert spent(refused)


async def test_a_compaction_is_made_once(front: Front, engine: ScriptedEngine) -> None:
    compact = front.openai.responses.with_raw_response.compact
    await compact(model=MODEL, input="hi", extra_headers=once())
    with pytest.raises(openai.BadRequestError, match="not stored") as refused:
        await compact(model=MODEL, input="hi", extra_headers=once())
    assert spent(refused)
    assert len(engine.turns) == 1


async def test_a_compaction_that_failed_runs_again(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(says("half", finish_reason="length"))
    compact = front.openai.responses.with_raw_response.compact
    with pytest.raises(openai.InternalServerError):
        await compact(model=MODEL, input="hi", extra_headers=once())
    assert (await compact(model=MODEL, input="hi", extra_headers=once())).status_code == 200


async def test_a_stored_chat_is_answered_again(front: Front, engine: ScriptedEngine) -> None:
    create = front.openai.chat.completions.create
    first = await create(**CHAT, store=True, extra_headers=once())
    again = await create(**CHAT, store=True, extra_headers=once())
    assert (again.id, again.choices) == (first.id, first.choices)
    assert len(engine.turns) == 1


async def test_a_stored_chat_is_streamed_again(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(
        [
            [Delta(text="Hel"), Delta(text="lo.")],
            [Delta(tool_calls=(ToolCallPiece(0, "call_1", "f", '{"a": 1}'),))],
            *says(finish_reason="tool_calls"),
        ]
    )
    asked: Any = {**CHAT, "store": True, "stream_options": {"include_usage": True}}
    gathered = []
    for _ in range(2):
        helper = front.openai.chat.completions.stream(**asked, extra_headers=once())
        async with helper as stream:
            gathered.append((await stream.get_final_completion()).model_dump())
    for completion in gathered:
        completion.pop("forebay", None)
    assert gathered[0] == gathered[1]
    assert gathered[1]["usage"]["total_tokens"] == 12
    assert len(engine.turns) == 1


async def test_a_stored_response_is_streamed_again(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(
        [
            [Delta(reasoning="Hm.")],
            *[[Delta(text=text)] for text in ("Hel", "lo.")],
            [Delta(tool_calls=(ToolCallPiece(0, "call_1", "f", '{"a": 1}'),))],
            *says(finish_reason="tool_calls"),
        ]
    )
    gathered = []
    for _ in range(2):
        async with front.openai.responses.stream(
            model=MODEL, input="hi", extra_headers=once()
        ) as stream:
            events = [event async for event in stream]
            gathered.append(await stream.get_final_response())
    assert gathered[0] == gathered[1]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert len(engine.turns) == 1


async def test_an_incomplete_response_is_streamed_again_as_such(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(says("Hel", finish_reason="length"))
    for _ in range(2):
        stream = await front.openai.responses.create(
            model=MODEL, input="hi", stream=True, extra_headers=once()
        )
        last = [event async for event in stream][-1]
        assert last.type == "response.incomplete"
        assert last.response.output_text == "Hel"


async def test_what_was_deleted_is_not_made_again(front: Front, engine: ScriptedEngine) -> None:
    create = front.openai.responses.create
    made = await create(model=MODEL, input="hi", extra_headers=once())
    await front.openai.responses.delete(made.id)
    with pytest.raises(openai.BadRequestError, match="deleted") as refused:
        await create(model=MODEL, input="hi", extra_headers=once())
    assert spent(refused)
    assert len(engine.turns) == 1


async def test_a_repeat_needs_nothing_that_the_call_referred_to(front: Front) -> None:
    create = front.openai.responses.create
    first = await create(model=MODEL, input="hi")
    asked: Any = {"model": MODEL, "input": "ho", "previous_response_id": first.id}
    made = await create(**asked, extra_headers=once())
    await front.openai.responses.delete(first.id)
    assert await create(**asked, extra_headers=once()) == made


async def test_keys_of_others_are_not_met(front: Front, engine: ScriptedEngine) -> None:
    secrets = [await second_key(front), await front.key_of_another_project()]
    made = [await front.openai.responses.create(model=MODEL, input="hi", extra_headers=once())]
    for secret in secrets:
        others = front.openai_as(secret)
        made.append(await others.responses.create(model=MODEL, input="hi", extra_headers=once()))
    assert len({response.id for response in made}) == len(engine.turns) == 3


async def test_both_names_are_of_one_key(front: Front, engine: ScriptedEngine) -> None:
    for header in ("Idempotency-Key", "anthropic-idempotency-key"):
        await front.openai.responses.create(model=MODEL, input="hi", extra_headers={header: "once"})
    assert len(engine.turns) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"idempotency-key": ""},
        {"idempotency-key": "k" * 256},
        {"idempotency-key": b"\xc3\xa9"},
        {"idempotency-key": "a", "anthropic-idempotency-key": "b"},
    ],
)
async def test_a_key_that_is_none_is_named(front: Front, headers: dict[str, Any]) -> None:
    for path in ("/v1/responses", "/v1/files", "/v1/batches", "/v1/conversations"):
        answer = await front.http.post(path, json={}, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "Idempotency-Key"
