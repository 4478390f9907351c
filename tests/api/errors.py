"""What the tests of errors share: the inference APIs, and an error in the words of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from forebay.dialects.turn import JsonObject
from tests.api.conftest import MODEL

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
