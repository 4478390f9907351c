"""Errors of engines that are full, slow or broken, before an answer and in the middle of one."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from forebay.core.engine_errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
)
from forebay.core.errors import ContextTooLong
from forebay.dialects.turn import Delta
from tests.api.conftest import MODEL, Front
from tests.api.errors import ALL, MESSAGES_API, Api, said
from tests.fakes import Gate, ScriptedEngine, says


@ALL
@pytest.mark.parametrize(
    ("error", "status", "anthropic_status", "anthropic_type", "code"),
    [
        (ContextTooLong("too long"), 400, 400, "invalid_request_error", "context_length_exceeded"),
        (EngineBusy("busy", retry_after_s=7), 503, 529, "overloaded_error", "engine_overloaded"),
        (EngineUnavailable("gone"), 503, 529, "overloaded_error", "engine_unavailable"),
        (EngineUnreachable("gone"), 503, 529, "overloaded_error", "engine_unavailable"),
        (EngineFailed("broke"), 502, 502, "api_error", "server_error"),
        (RuntimeError("a bug"), 500, 500, "api_error", "server_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_an_engine_that_gives_no_answer(
    front: Front,
    engine: ScriptedEngine,
    api: Api,
    error: Exception,
    status: int,
    anthropic_status: int,
    anthropic_type: str,
    code: str,
) -> None:
    engine.queue.append([error])
    answer = await front.http.post(api.path, json={**api.body, "stream": True})
    expected = anthropic_status if api.is_anthropic else status
    said(api, answer, expected, anthropic_type, code)
    if isinstance(error, EngineBusy):
        assert answer.headers["retry-after"] == "7"


@ALL
async def test_a_stream_that_breaks_off_ends_with_the_error(
    front: Front, engine: ScriptedEngine, api: Api
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineUnavailable("gone")])
    answer = await front.http.post(api.path, json={**api.body, "stream": True})
    assert answer.status_code == 200
    last = [event for event in answer.text.split("\n\n") if "error" in event][-1]
    assert "gone" in last


async def test_openais_client_raises_what_broke_its_stream(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineUnavailable("gone")])
    with pytest.raises(openai.APIError, match="gone"):
        async for _ in await front.openai.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            pass


async def test_anthropics_client_raises_what_broke_its_stream(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineUnavailable("gone")])
    with pytest.raises(anthropic.APIStatusError, match="gone"):
        async for _ in await front.anthropic.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            pass


@ALL
async def test_a_caller_that_finds_no_slot_is_told_to_come_back(
    front: Front, engine: ScriptedEngine, api: Api
) -> None:
    gates = [Gate(), Gate()]
    engine.queue += [[gate, *says("done")] for gate in gates]
    for gate in gates:
        await front.openai.responses.create(model=MODEL, input="hold", background=True)
        await gate.reached.wait()
    answer = await front.http.post(api.path, json=api.body)
    said(api, answer, 429, "rate_limit_error", "rate_limit_exceeded")
    assert int(answer.headers["retry-after"]) >= 1


@ALL
async def test_a_caller_that_was_held_too_long_is_told_not_to_retry(
    front: Front, engine: ScriptedEngine, api: Api
) -> None:
    gates = [Gate(), Gate()]
    engine.queue += [[gate, *says("done")] for gate in gates]
    for gate in gates:
        await front.openai.responses.create(model=MODEL, input="hold", background=True)
        await gate.reached.wait()
    headers = {"x-completion-window": "standard"}
    answer = await front.http.post(api.path, json=api.body, headers=headers)
    said(api, answer, 504, "timeout_error", "timeout")
    assert answer.headers["x-should-retry"] == "false"


async def test_a_stream_that_breaks_names_the_request_id_of_its_headers(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineFailed("it broke")])
    answer = await front.http.post("/v1/messages", json={**MESSAGES_API.body, "stream": True})
    error = json.loads(answer.text.split("event: error\ndata: ")[1])
    assert error["request_id"] == answer.headers["request-id"]
