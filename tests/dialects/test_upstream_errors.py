"""An engine's error answers, sorted by whose fault they are."""

from __future__ import annotations

import json

import pytest

from forebay.core.engine_errors import EngineBusy, EngineFailed, GatewayFailed
from forebay.core.errors import ContextTooLong, ForebayError, PromptRejected
from forebay.dialects.upstream_errors import engine_error


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad image", PromptRejected),
        (422, "bad tool", PromptRejected),
        (400, "the request exceeds the available context size", ContextTooLong),
        (400, "This model's maximum context length is 4096 tokens.", ContextTooLong),
        (429, "slow down", EngineBusy),
        (503, "Loading model", EngineBusy),
        (500, "boom", EngineFailed),
        (501, "This server does not support embeddings.", PromptRejected),
        (500, "audio input is not supported - hint: you may need the mmproj", PromptRejected),
        (401, "bad key", EngineFailed),
        (404, "no such model", EngineFailed),
        (408, "too slow", EngineFailed),
        (409, "in the middle of something", EngineFailed),
        (425, "too early", EngineFailed),
        (502, "Bad Gateway", GatewayFailed),
        (504, "Gateway Timeout", GatewayFailed),
        (520, "unknown", EngineFailed),
        (521, "down", GatewayFailed),
        (522, "timed out", GatewayFailed),
        (523, "unreachable", GatewayFailed),
        (524, "timed out", GatewayFailed),
        (529, "Overloaded", EngineBusy),
    ],
)
def test_an_engines_error_answer_is_sorted_by_whose_fault_it_is(
    status: int, message: str, kind: type[ForebayError]
) -> None:
    body = json.dumps({"error": {"message": message}}).encode()
    assert type(engine_error(status, body, retry_after_s=None)) is kind


@pytest.mark.parametrize("status", [401, 403])
def test_what_an_engine_says_of_its_key_is_not_passed_on(status: int) -> None:
    body = json.dumps({"error": {"message": "Incorrect API key provided: sk-12345"}}).encode()
    error = engine_error(status, body, retry_after_s=None)
    assert isinstance(error, EngineFailed)
    assert str(error) == "the engine did not let this server in"
    assert error.engine_status == status


def test_an_input_too_long_to_embed_is_the_callers_fault_although_llama_cpp_says_its_own() -> None:
    message = (
        "input (602 tokens) is too large to process. increase the physical batch size "
        "(current batch size: 512)"
    )
    error = engine_error(
        500, json.dumps({"error": {"code": 500, "message": message}}).encode(), retry_after_s=None
    )
    assert isinstance(error, ContextTooLong)
    assert "maximum context length is 512 tokens" in str(error)
    assert "602 tokens" in str(error)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 529])
def test_the_wish_of_an_engine_that_is_busy_or_away_is_kept(status: int) -> None:
    error = engine_error(status, b"", retry_after_s=4.0)
    assert isinstance(error, EngineBusy | GatewayFailed)
    assert error.retry_after_s == 4.0


def test_the_page_of_a_proxy_is_not_shown_to_callers() -> None:
    error = engine_error(502, b"<html>nginx at 10.0.0.7</html>", retry_after_s=None)
    assert str(error) == "nothing answers behind the engine's address (502)"


@pytest.mark.parametrize(
    "body", [b'{"error":"bad image"}', b'{"object":"error","message":"bad image"}']
)
def test_an_engines_reason_is_found_in_every_shape(body: bytes) -> None:
    assert str(engine_error(400, body, retry_after_s=None)) == "bad image"


@pytest.mark.parametrize("body", [b'{"message":"\xff"}', b'{"error":' + b"[" * 100_000])
def test_an_error_answer_that_cannot_be_decoded_keeps_its_kind(body: bytes) -> None:
    error = engine_error(500, body, retry_after_s=None)
    assert isinstance(error, EngineFailed)
