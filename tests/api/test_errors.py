"""Errors: in the words of whoever calls, with the status that their clients expect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from forebay.core.errors import (
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
)
from forebay.dialects.turn import Delta, JsonObject
from tests.api.conftest import MAX_BODY_BYTES, MODEL, Front
from tests.fakes import Gate, ScriptedEngine, says

MESSAGES = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True, slots=True)
class Api:
    """One inference API: where it is, and a body that it takes."""

    path: str
    body: JsonObject
    is_anthropic: bool = False

    def __str__(self) -> str:
        return self.path.rsplit("/", 1)[-1]


CHAT = Api("/v1/chat/completions", {"model": MODEL, "messages": MESSAGES})
RESPONSES = Api("/v1/responses", {"model": MODEL, "input": "hi"})
MESSAGES_API = Api(
    "/v1/messages", {"model": MODEL, "messages": MESSAGES, "max_tokens": 9}, is_anthropic=True
)
ALL = pytest.mark.parametrize("api", [CHAT, RESPONSES, MESSAGES_API], ids=str)


def said(
    api: Api, answer: httpx2.Response, status: int, anthropic_type: str, code: str | None
) -> None:
    """Check that the answer is this error, in the words of this API."""
    body: Any = answer.json()
    assert answer.status_code == status, body
    if api.is_anthropic:
        assert set(body) == {"type", "error", "request_id"}
        assert body["type"] == "error"
        assert body["error"]["type"] == anthropic_type
        assert body["request_id"] == answer.headers["request-id"]
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["code"] == code
        assert answer.headers["x-request-id"].startswith("req_")
    assert body["error"]["message"]


@ALL
async def test_an_unknown_model(front: Front, api: Api) -> None:
    answer = await front.http.post(api.path, json={**api.body, "model": "huge"})
    said(api, answer, 404, "not_found_error", "model_not_found")


@ALL
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b'{"model": "\xff"}', b'{"a":' * 20_000],
    ids=["empty", "cut", "list", "null", "text", "not-utf-8", "deep"],
)
async def test_a_body_that_is_no_json_object(front: Front, api: Api, content: bytes) -> None:
    answer = await front.http.post(api.path, content=content)
    said(api, answer, 400, "invalid_request_error", "invalid_json")


@ALL
async def test_no_key(front: Front, api: Api) -> None:
    answer = await front.http.post(api.path, json=api.body, headers={"authorization": ""})
    said(api, answer, 401, "authentication_error", "invalid_api_key")


@ALL
@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_a_wrong_key(front: Front, api: Api, name: str) -> None:
    headers = {"authorization": "", name: "Bearer fb-wrong"}
    answer = await front.http.post(api.path, json=api.body, headers=headers)
    said(api, answer, 401, "authentication_error", "invalid_api_key")


@pytest.mark.parametrize(
    ("api", "name", "value"),
    [
        (CHAT, "n", 2),
        (RESPONSES, "previous_response_id", "resp_1"),
        (RESPONSES, "conversation", "conv_1"),
        (MESSAGES_API, "container", "c"),
    ],
    ids=str,
)
async def test_a_parameter_that_is_not_supported_is_named(
    front: Front, api: Api, name: str, value: object
) -> None:
    answer = await front.http.post(api.path, json={**api.body, name: value})
    said(api, answer, 400, "invalid_request_error", "unsupported_parameter")
    assert f"'{name}'" in answer.json()["error"]["message"]


@ALL
async def test_a_value_of_the_wrong_type_is_named(front: Front, api: Api) -> None:
    answer = await front.http.post(api.path, json={**api.body, "temperature": "hot"})
    said(api, answer, 400, "invalid_request_error", "invalid_type")
    assert "'temperature'" in answer.json()["error"]["message"]


@ALL
async def test_a_missing_parameter_is_named(front: Front, api: Api) -> None:
    body = {name: value for name, value in api.body.items() if name != "model"}
    answer = await front.http.post(api.path, json=body)
    said(api, answer, 400, "invalid_request_error", "missing_required_parameter")
    assert "'model'" in answer.json()["error"]["message"]


@ALL
async def test_a_wrong_method(front: Front, api: Api) -> None:
    answer = await front.http.put(api.path, json=api.body)
    said(api, answer, 405, "invalid_request_error", "method_not_allowed")


@ALL
async def test_a_body_that_is_too_large(front: Front, api: Api) -> None:
    answer = await front.http.post(api.path, content=b" " * (MAX_BODY_BYTES + 1))
    said(api, answer, 413, "request_too_large", "request_too_large")


@ALL
async def test_a_window_that_is_not_offered_lists_what_is(front: Front, api: Api) -> None:
    headers = {"x-completion-window": "24h"}
    answer = await front.http.post(api.path, json=api.body, headers=headers)
    said(api, answer, 400, "invalid_request_error", "invalid_value")
    assert "'asap', 'standard'" in answer.json()["error"]["message"]


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


@pytest.mark.parametrize(
    ("path", "headers", "is_anthropic"),
    [
        ("/v1/nothing", {}, False),
        ("/v1/nothing", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/messages/nothing", {}, True),
        ("/", {}, False),
    ],
)
async def test_an_unknown_route(
    front: Front, path: str, headers: dict[str, str], is_anthropic: bool
) -> None:
    answer = await front.http.get(path, headers=headers)
    said(Api(path, {}, is_anthropic), answer, 404, "not_found_error", None)
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/files"), ("POST", "/v1/files"), ("GET", "/v1/batches"), ("POST", "/v1/batches"),
     ("GET", "/v1/models"), ("GET", "/v1/responses/resp_1"), ("GET", "/v1/files/file-1/content"),
     ("POST", "/v1/batches/batch_1/cancel")],
)  # fmt: skip
async def test_every_other_route_needs_a_key_too(front: Front, method: str, path: str) -> None:
    answer = await front.http.request(method, path, headers={"authorization": "Bearer wrong"})
    said(Api(path, {}), answer, 401, "authentication_error", "invalid_api_key")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/models"])
async def test_every_other_route_refuses_a_wrong_method(front: Front, path: str) -> None:
    answer = await front.http.patch(path)
    said(Api(path, {}), answer, 405, "invalid_request_error", "method_not_allowed")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "request_too_large"),
        (b"{}", 400, "missing_required_parameter"),
        (b'{"input_file_id": 3}', 400, "invalid_type"),
    ],
)
async def test_a_batch_that_cannot_be_read(
    front: Front, content: bytes, status: int, code: str
) -> None:
    answer = await front.http.post("/v1/batches", content=content)
    said(Api("/v1/batches", {}), answer, status, "", code)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/batches", "/v1/files"])
async def test_an_idempotency_key_is_refused_by_name(front: Front, path: str) -> None:
    answer = await front.http.post(path, headers={"idempotency-key": "once"})
    said(Api(path, {}), answer, 400, "", "unsupported_parameter")


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


@pytest.mark.parametrize(
    ("api", "path"),
    [
        (Api("", {}), "/v1/models/"),
        (Api("", {}), "/v1/batches/"),
        (Api("", {}), "/v1/files/"),
        (Api("", {}, is_anthropic=True), "/v1/messages/"),
    ],
    ids=str,
)
async def test_a_slash_too_many_is_an_unknown_url_and_leads_nowhere(
    front: Front, api: Api, path: str
) -> None:
    answer = await front.http.get(path, headers={"host": "elsewhere.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert ("request_id" in answer.json()) is api.is_anthropic


@pytest.mark.parametrize("path", ["/v1/models", "/v1/files", "/v1/batches", "/health"])
async def test_every_plain_answer_has_its_request_id(front: Front, path: str) -> None:
    first, second = [(await front.http.get(path)).headers for _ in range(2)]
    assert first["x-request-id"] == first["request-id"]
    assert first["x-request-id"].startswith("req_")
    assert first["x-request-id"] != second["x-request-id"]


@pytest.mark.parametrize("limit", ["9" * 5000, "0", "-1", "many"])
async def test_a_limit_that_is_none_is_named(front: Front, limit: str) -> None:
    answer = await front.http.get("/v1/batches", params={"limit": limit})
    said(Api("", {}), answer, 400, "", "invalid_value")
    assert answer.json()["error"]["param"] == "limit"


@ALL
async def test_a_body_that_could_not_be_passed_on_is_refused(front: Front, api: Api) -> None:
    deep = b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"
    answer = await front.http.post(api.path, content=deep)
    said(api, answer, 400, "invalid_request_error", "invalid_json")


async def test_a_stream_that_breaks_names_the_request_id_of_its_headers(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineFailed("it broke")])
    answer = await front.http.post("/v1/messages", json={**MESSAGES_API.body, "stream": True})
    error = json.loads(answer.text.split("event: error\ndata: ")[1])
    assert error["request_id"] == answer.headers["request-id"]
