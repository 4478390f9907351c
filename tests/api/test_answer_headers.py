"""What goes out with every answer beside its body."""

from __future__ import annotations

import logging

import pytest

from tests.api.conftest import MODEL, Front

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_calls_are_answered_with_openais_headers(front: Front, is_streamed: bool) -> None:
    answer = await front.http.post("/v1/chat/completions", json=CHAT | {"stream": is_streamed})
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["openai-processing-ms"].isdecimal()


async def test_plain_routes_are_answered_with_them_too(front: Front) -> None:
    answer = await front.http.get("/v1/models")
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["openai-processing-ms"].isdecimal()


@pytest.mark.parametrize("name", ["x" * 513, "caf\u00e9"])
async def test_a_callers_own_id_has_its_limits(front: Front, name: str) -> None:
    headers = {b"x-client-request-id": name.encode()}
    answer = await front.http.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "X-Client-Request-Id"


async def test_a_callers_own_id_is_logged_when_the_call_is_refused(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    headers = {"x-client-request-id": "mine-1"}
    await front.http.post("/v1/chat/completions", json={}, headers=headers)
    refused = [record for record in caplog.records if record.message == "call refused"]
    assert [record.__dict__["client_request_id"] for record in refused] == ["mine-1"]
