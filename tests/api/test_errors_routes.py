"""Errors of routes: unknown urls, wrong methods and missing keys, and the ids of requests."""

from __future__ import annotations

import pytest

from tests.api.conftest import Front
from tests.api.errors import ALL, Api, said


@ALL
async def test_a_wrong_method(front: Front, api: Api) -> None:
    answer = await front.http.put(api.path, json=api.body)
    said(api, answer, 405, "invalid_request_error", "method_not_allowed")


@pytest.mark.parametrize(
    ("path", "headers", "is_anthropic"),
    [
        ("/v1/nothing", {}, False),
        ("/v1/nothing", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/messages/nothing", {}, True),
        ("/nothing", {}, False),
    ],
)
async def test_an_unknown_route(
    front: Front, path: str, headers: dict[str, str], is_anthropic: bool
) -> None:
    answer = await front.http.get(path, headers=headers)
    said(Api(path, {}, is_anthropic), answer, 404, "not_found_error", None)
    assert path in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/batches",
        "/v1/files/file-1/content",
        "/v1/batches/batch_1/report",
        "/v1/models",
    ],
)
async def test_a_path_with_a_line_end_behind_it_is_another(front: Front, path: str) -> None:
    answer = await front.http.get(path + "%0A")
    said(Api(path, {}), answer, 404, "not_found_error", None)


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
    ("path", "methods"),
    [
        ("/v1/files", "GET, HEAD, POST"),
        ("/v1/files/a", "DELETE, GET, HEAD"),
        ("/v1/messages", "POST"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(front: Front, path: str, methods: str) -> None:
    answer = await front.http.patch(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


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
