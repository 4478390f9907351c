"""The official SDKs, strict about every body, answered from memory instead of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anthropic
import httpx2
import openai

from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode


def _transport(content: bytes, content_type: str) -> httpx2.MockTransport:
    headers = {"content-type": content_type}
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=content))


@contextmanager
def openai_reading(
    answer: bytes | JsonObject, *, is_strict: bool = True
) -> Iterator[openai.OpenAI]:
    """Yield a client that gets `answer`, a stream or an object, whatever it asks."""
    with (
        httpx2.Client(transport=_sent(answer)) as http,
        openai.OpenAI(
            api_key="k",
            base_url="http://memory/v1",
            http_client=http,
            max_retries=0,
            _strict_response_validation=is_strict,
        ) as client,
    ):
        yield client


@contextmanager
def anthropic_reading(answer: bytes | JsonObject) -> Iterator[anthropic.Anthropic]:
    """Yield a client that gets `answer`, a stream or an object, whatever it asks."""
    with (
        httpx2.Client(transport=_sent(answer)) as http,
        anthropic.Anthropic(
            api_key="k",
            base_url="http://memory",
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client


def _sent(answer: bytes | JsonObject) -> httpx2.MockTransport:
    if isinstance(answer, bytes):
        return _transport(answer, "text/event-stream; charset=utf-8")
    return _transport(encode(answer), "application/json")
