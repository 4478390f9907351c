"""Errors of requests: keys, bodies, parameters and headers that are refused."""

from __future__ import annotations

import pytest

from tests.api.conftest import MAX_BODY_BYTES, Front
from tests.api.errors import ALL, CHAT, MESSAGES_API, RESPONSES, Api, said


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
        (CHAT, "audio", {"voice": "alloy"}),
        (RESPONSES, "max_tool_calls", 3),
        (RESPONSES, "moderation", {"model": "m"}),
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
async def test_a_body_that_is_too_large(front: Front, api: Api) -> None:
    answer = await front.http.post(api.path, content=b" " * (MAX_BODY_BYTES + 1))
    said(api, answer, 413, "request_too_large", "request_too_large")


@ALL
async def test_a_window_that_is_not_offered_lists_what_is(front: Front, api: Api) -> None:
    headers = {"x-completion-window": "24h"}
    answer = await front.http.post(api.path, json=api.body, headers=headers)
    said(api, answer, 400, "invalid_request_error", "invalid_value")
    assert "'asap', 'standard'" in answer.json()["error"]["message"]


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
