"""JSON on the wire: what is decoded can be encoded again."""

from __future__ import annotations

import pytest

from forebay.core.errors import InvalidJson
from forebay.dialects.wire import (
    MAX_BRACKETS,
    MAX_DEPTH,
    decode_kept,
    decode_object,
    encode,
    has_too_many_brackets,
)


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_a_body_as_deep_as_allowed_is_decoded_and_encoded_again() -> None:
    body = nested(MAX_DEPTH)
    assert encode(decode_object(body)) == body


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    with pytest.raises(InvalidJson, match="nested too deeply"):
        decode_object(nested(depth))


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert decode_object(b'{"a":[' + b"{}," * 2000 + b"{}]}")["a"] == [{}] * 2001


@pytest.mark.parametrize("more", [b"[],", b"{},", b'["["],', b'{"\\\\":"\\"["},'])
def test_brackets_are_counted_up_to_their_limit(more: bytes) -> None:
    # Those of the body itself are two.
    most = b'{"a":[' + more * (MAX_BRACKETS - 2) + b"1]}"
    assert not has_too_many_brackets(most)
    assert has_too_many_brackets(most[:-2] + b",[]]}")


def test_a_body_with_too_many_brackets_is_refused_before_it_is_decoded() -> None:
    # That it is no JSON is not even seen.
    with pytest.raises(InvalidJson, match="more than 500000 arrays and objects"):
        decode_object(b'{"a":[' + b"[]," * MAX_BRACKETS)


@pytest.mark.parametrize("text", [b"[{" * 400_000, b'\\"[{' * 400_000, b'","{[' * 400_000])
def test_brackets_in_texts_are_not_limited(text: bytes) -> None:
    body = b'{"a":["' + text + b'"]}'
    assert encode(decode_object(body)) == body


def test_what_is_kept_here_may_have_any_number_of_brackets() -> None:
    # A long answer with log probabilities has some forty a token.
    body = b'{"a":[' + b"[]," * MAX_BRACKETS + b"[]]}"
    assert encode(decode_kept(body)) == body
