"""JSON on the wire: what is decoded can be encoded again."""

from __future__ import annotations

import pytest

from forebay.core.errors import InvalidJson
from forebay.dialects.wire import MAX_DEPTH, decode_object, encode


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
