"""The lines of a batch: what is wrong with each, and how a file is cut into them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.batches import LineError
from forebay.lanes.batch.lines import (
    MAX_LINE_BYTES,
    LineChecker,
    SegmentLine,
    decode_lines,
    encode_line,
    split_lines,
)

GOOD = b'{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"tiny"}}'


def check(text: bytes, number: int = 7) -> SegmentLine | LineError:
    return LineChecker(endpoint="/v1/responses").check(number, text)


@pytest.mark.parametrize(
    ("old", "new", "code", "param"),
    [
        (GOOD, b"nonsense", "invalid_json_line", None),
        (b'"tiny"', b"[" * 20_000, "invalid_json_line", None),
        (b'"tiny"', b'"tiny","a":' + b"[" * 500 + b"]" * 500, "invalid_json_line", None),
        (b'"tiny"', b'"\xff"', "invalid_json_line", None),
        (GOOD, b"[]", "invalid_request", None),
        (b'"a"', b"3", "invalid_request", None),
        (b'"custom_id":"a",', b"", "missing_required_parameter", "custom_id"),
        (b'"method":"POST",', b"", "missing_required_parameter", "method"),
        (b'"url":"/v1/responses",', b"", "missing_required_parameter", "url"),
        (b',"body":{"model":"tiny"}', b"", "missing_required_parameter", "body"),
        (b"POST", b"GET", "invalid_method", "method"),
        (b"/v1/responses", b"/v1/messages", "invalid_url", "url"),
        (b'"tiny"', b'"tiny","stream":true', "streaming_unsupported", "body.stream"),
        (b'"model":"tiny"', b"", "invalid_request", "body.model"),
        (b'"model":"tiny"', b'"model":3', "invalid_request", "body.model"),
    ],
)
def test_what_is_wrong_with_a_line_is_named_with_its_number(
    old: bytes, new: bytes, code: str, param: str | None
) -> None:
    assert old in GOOD
    error = check(GOOD.replace(old, new))
    assert isinstance(error, LineError)
    assert (error.code, error.param, error.line) == (code, param, 7)
    assert error.message


def test_a_good_line_is_its_custom_id_and_body() -> None:
    assert check(GOOD) == SegmentLine("a", {"model": "tiny"})


def test_a_custom_id_may_appear_once_in_a_file() -> None:
    checker = LineChecker(endpoint="/v1/responses")
    assert isinstance(checker.check(1, GOOD), SegmentLine)
    error = checker.check(2, GOOD)
    assert isinstance(error, LineError)
    assert (error.code, error.line) == ("duplicate_custom_id", 2)


def test_segment_lines_are_read_as_they_were_written() -> None:
    lines = [
        SegmentLine("a", {"text": "two\nlines and \u2028 and \x85"}),
        SegmentLine("b", {"number": 2**70}),
    ]
    assert decode_lines(b"".join(map(encode_line, lines))) == lines


async def split(content: bytes, piece_bytes: int) -> list[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), piece_bytes):
            yield content[start : start + piece_bytes]

    return [line async for line in split_lines(pieces())]


@given(
    lines=st.lists(st.binary(max_size=9).map(lambda text: text.replace(b"\n", b"").rstrip(b"\r"))),
    end=st.sampled_from([b"\n", b"\r\n"]),
    piece_bytes=st.integers(1, 20),
)
async def test_a_file_is_cut_at_its_line_ends_however_it_comes(
    lines: list[bytes], end: bytes, piece_bytes: int
) -> None:
    content = b"".join([line + end for line in lines])
    assert await split(content, piece_bytes) == lines


async def test_a_last_line_needs_no_end() -> None:
    assert await split(b"a\nb", 1) == [b"a", b"b"]


async def test_a_line_that_is_too_long_is_cut_and_the_next_is_whole() -> None:
    content = b"x" * (3 * MAX_LINE_BYTES) + b"\nnext\n"
    lines = await split(content, MAX_LINE_BYTES // 2)
    assert [len(lines[0]), *lines[1:]] == [MAX_LINE_BYTES + 1, b"next"]
