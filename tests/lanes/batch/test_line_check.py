"""The lines of a caller's file: what is wrong with each is named as OpenAI's batches name it."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.dialects.batches import LineError
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import MAX_BRACKETS
from forebay.lanes.batch.line_check import LineChecker
from forebay.lanes.batch.lines import MAX_LINE_BYTES
from forebay.lanes.batch.model_choice import CheckedLine, ModelUntold
from tests.lanes.batch.planned import job

CHAT = "/v1/chat/completions"
GOOD = (
    b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions",'
    b'"body":{"model":"tiny","messages":[]}}'
)
BODY = b',"body":{"model":"tiny","messages":[]}'


def check(text: bytes, *, endpoint: str = CHAT, **others: Any) -> CheckedLine | LineError:
    return LineChecker(job(endpoint=endpoint, **others)).check(7, text)


def error_of(text: bytes, *, endpoint: str = CHAT) -> tuple[str, str | None]:
    """Return the code and the parameter of the line's error, which it must have."""
    error = check(text, endpoint=endpoint)
    assert isinstance(error, LineError)
    assert error.line == 7
    assert error.message
    return error.code, error.param


@pytest.mark.parametrize(
    ("old", "new", "code", "param"),
    [
        (GOOD, b"nonsense", "invalid_json_line", None),
        (b'"tiny"', b"[" * 20_000, "invalid_json_line", None),
        (b'"tiny"', b'"tiny","a":' + b"[" * 500 + b"]" * 500, "invalid_json_line", None),
        (b'"tiny"', b'"\xff"', "invalid_json_line", None),
        (b'"custom_id"', b'"note":"\xff","custom_id"', "invalid_json_line", None),
        (b'"tiny"', b'"\\ud800"', "invalid_json_line", None),
        (b'"tiny"', b'"tiny","seed":1e999', "invalid_json_line", None),
        (GOOD, b"[]", "invalid_request", None),
        (b'"custom_id":"a",', b"", "missing_required_parameter", "custom_id"),
        (b'"a"', b"null", "missing_required_parameter", "custom_id"),
        (b'"method":"POST",', b"", "missing_required_parameter", "method"),
        (b'"url":"/v1/chat/completions",', b'"x":1,', "missing_required_parameter", "url"),
        (BODY, b"", "missing_required_parameter", "body"),
        (b'"a"', b"3", "invalid_type", "custom_id"),
        (b'"POST"', b"[]", "invalid_type", "method"),
        (BODY, b',"body":"{}"', "invalid_type", "body"),
        (b'"a"', b'""', "invalid_value", "custom_id"),
        (b'"a"', b'"' + b"a" * 513 + b'"', "invalid_value", "custom_id"),
        (b'"a"', b'"a\\u0000"', "invalid_value", "custom_id"),
        (b"POST", b"GET", "invalid_method", "method"),
        (b"/v1/chat/completions", b"/v1/messages", "invalid_url", "url"),
        (b'"tiny"', b'"tiny","stream":true', "streaming_unsupported", "body.stream"),
        (b'"model":"tiny",', b"", "invalid_request", "body.model"),
        (b'"tiny"', b"3", "invalid_request", "body.model"),
        (b',"messages":[]', b"", "invalid_request", "body.messages"),
        (b'"tiny"', b'"huge"', "model_not_found", "body.model"),
        (b'"tiny"', b'"slow"', "invalid_request", "body.model"),
    ],
)
def test_what_is_wrong_with_a_line_is_named_with_its_number(
    old: bytes, new: bytes, code: str, param: str | None
) -> None:
    assert old in GOOD
    assert error_of(GOOD.replace(old, new)) == (code, param)


def test_a_line_that_is_too_long_is_not_even_read() -> None:
    assert error_of(b'"' + b"x" * MAX_LINE_BYTES) == ("line_too_long", None)


@pytest.mark.parametrize(
    ("endpoint", "param"),
    [
        ("/v1/embeddings", "body.input"),
        ("/v1/completions", "body.prompt"),
        ("/v1/messages", "body.max_tokens"),
    ],
)
def test_every_endpoint_has_parameters_that_it_cannot_do_without(endpoint: str, param: str) -> None:
    text = GOOD.replace(CHAT.encode(), endpoint.encode())
    assert error_of(text, endpoint=endpoint) == ("invalid_request", param)


def test_a_response_needs_no_input() -> None:
    text = GOOD.replace(CHAT.encode(), b"/v1/responses").replace(b',"messages":[]', b"")
    assert isinstance(check(text, endpoint="/v1/responses"), CheckedLine)


@pytest.mark.parametrize("value", [b"false", b"null", b'"yes"'])
def test_only_a_true_stream_is_refused_here(value: bytes) -> None:
    text = GOOD.replace(b'"tiny"', b'"tiny","stream":' + value)
    assert isinstance(check(text), CheckedLine)


def test_a_good_line_is_its_custom_id_its_body_and_the_model_behind_the_name() -> None:
    body: JsonObject = {"model": "tiny-alias", "messages": []}
    assert check(GOOD.replace(b'"tiny"', b'"tiny-alias"')) == CheckedLine("a", "tiny", body)


def test_a_custom_id_may_have_512_characters_of_any_script() -> None:
    custom_id = "ü" * 512
    found = check(GOOD.replace(b'"a"', f'"{custom_id}"'.encode()))
    assert isinstance(found, CheckedLine)
    assert found.custom_id == custom_id


def test_a_carriage_return_at_the_end_is_no_part_of_a_line() -> None:
    assert isinstance(check(GOOD + b"\r"), CheckedLine)


def test_a_long_name_of_a_model_is_not_repeated_whole() -> None:
    error = check(GOOD.replace(b'"tiny"', b'"' + b"x" * 10_000 + b'"'))
    assert isinstance(error, LineError)
    assert len(error.message) < 300


def test_a_model_that_an_engine_may_still_tell_of_is_no_error() -> None:
    with pytest.raises(ModelUntold):
        check(GOOD.replace(b'"tiny"', b'"huge"'), is_untold=True)


def test_a_model_that_is_there_waits_for_no_engine() -> None:
    assert isinstance(check(GOOD, is_untold=True), CheckedLine)


def test_a_line_with_too_many_brackets_is_wrong() -> None:
    many = GOOD.replace(b'"tiny"', b'"tiny","a":[' + b"[]," * MAX_BRACKETS + b"1]")
    assert error_of(many) == ("invalid_json_line", None)
