"""Cutting an array out of a body that comes in pieces, against decoding the body as a whole."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay.core.errors import BodyTooLarge, InvalidJson, InvalidParameter
from forebay.dialects.array_splitter import ArraySplitter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import MAX_BRACKETS

TEXTS = st.text(max_size=8) | st.sampled_from(['"', "\\", '\\"]', "requests", "é\n", "[{", "}]"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
CUTS = st.lists(st.integers(0, 400), max_size=12)
FORMS = st.sampled_from([None, 0, 2, "\t"])


def split(body: bytes, cuts: list[int], **limits: int) -> tuple[list[bytes], JsonObject, bool]:
    """Return the elements of `requests` and the other fields of a body that is cut at these."""
    values = {"max_element_bytes": 10**6, "max_rest_bytes": 10**6} | limits
    splitter = ArraySplitter("requests", **values)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    elements = [
        element for begin, end in pairwise(places) for element in splitter.feed(body[begin:end])
    ]
    return elements, splitter.end(), splitter.has_array


def read(body: bytes, cuts: list[int]) -> JsonObject | None:
    """Return the body as it is when its parts are put together, or None when it is refused."""
    try:
        elements, rest, has_array = split(body, cuts)
        if has_array:
            assert rest["requests"] == []
            rest["requests"] = [msgspec.json.decode(element) for element in elements]
    except (InvalidJson, msgspec.DecodeError):
        return None
    return rest


def whole(body: bytes) -> JsonObject | None:
    """Return the body as it is when it is decoded as a whole, or None when it is no object."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


@given(OBJECTS, st.lists(VALUES, max_size=6), OBJECTS, FORMS, st.booleans(), CUTS)
@example({"a": "x"}, [], {}, None, True, [])
def test_a_body_in_pieces_is_the_same_as_in_one(
    before: dict[str, Any],
    requests: list[Any],
    after: dict[str, Any],
    form: Any,
    is_ascii: bool,
    cuts: list[int],
) -> None:
    before.pop("requests", None)
    after.pop("requests", None)
    value = before | {"requests": requests} | after
    body = json.dumps(value, indent=form, ensure_ascii=is_ascii).encode("utf-8", "replace")
    decoded = whole(body)
    assert decoded is not None
    assert read(body, cuts) == decoded


@given(VALUES, CUTS)
def test_any_other_json_is_what_it_is_as_a_whole(value: Any, cuts: list[int]) -> None:
    body = json.dumps(value).encode()
    assert read(body, cuts) == whole(body)


SPOILT = st.tuples(
    st.integers(0, 60), st.integers(0, 3), st.sampled_from([b'"', b",", b"]", b"[", b"}", b"\xff"])
)


@given(
    st.sampled_from(
        [
            b'{"requests": [{"a": "\\\\\\""}, [1, {}], "x", 2.5, null] , "b": {"requests": [1]}}',
            b'{"a": ["requests", {"requests": 1}], "requ\\u0065sts":[true,"]"]}',
            b'{"requests": {"requests": [1, 2]}, "c": [ ]}',
            b' [{"requests": [1]}, 2] ',
        ]
    ),
    st.lists(SPOILT, max_size=3),
    CUTS,
)
def test_a_spoilt_body_is_refused_exactly_when_the_whole_of_it_would_be(
    body: bytes, spoilt: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    for at, removed, put in spoilt:
        body = body[:at] + put + body[at + removed :]
    try:
        found = read(body, cuts)
    except InvalidParameter:  # the name is there more than once
        return
    assert found == whole(body)


def test_fields_before_the_array_are_known_when_it_begins() -> None:
    splitter = ArraySplitter("requests", max_element_bytes=99, max_rest_bytes=99)
    assert list(splitter.feed(b'{"a": {"b": [1]}, "requests": [3,')) == [b"3"]
    assert splitter.before() == {"a": {"b": [1]}, "requests": []}


def test_an_array_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="more than once"):
        split(b'{"requests": [1], "requests": [2]}', [])


def test_an_element_past_its_limit_is_refused_before_it_is_whole() -> None:
    splitter = ArraySplitter("requests", max_element_bytes=20, max_rest_bytes=99)
    assert list(splitter.feed(b'{"requests": [1, {"a": "' + b"x" * 10)) == [b"1"]
    with pytest.raises(BodyTooLarge, match=r"'requests\.1' is larger than 20 bytes"):
        list(splitter.feed(b"x" * 10))


def test_other_fields_past_their_limit_are_refused() -> None:
    with pytest.raises(BodyTooLarge, match="beside 'requests' is larger than 40 bytes"):
        split(b'{"requests": [1], "a": "' + b"x" * 40, [], max_rest_bytes=40)


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidJson, match="nested too deeply"):
        split(b'{"requests": [' + b"[" * 1000, [])


def test_an_element_with_too_many_brackets_is_refused_before_it_is_whole() -> None:
    splitter = ArraySplitter("requests", max_element_bytes=10**7, max_rest_bytes=99)
    most = b'["[",' + b"{}," * (MAX_BRACKETS - 1)
    assert len(list(splitter.feed(b'{"requests": [' + most + b"1]," + most))) == 1
    with pytest.raises(InvalidJson, match=r"requests\.1: .* more than 500000 arrays and objects"):
        list(splitter.feed(b"{"))


@pytest.mark.parametrize("junk", [b"[" * 390 + b"]" * 390, b'"' + b"\\\\" * 999, b"{" * 300, b",,"])
def test_no_step_takes_long_whatever_comes(junk: bytes) -> None:
    # A step is 4096 bytes. Far from any real limit, but a pattern that tries again and again for
    # what it cannot find would take minutes.
    splitter = ArraySplitter("requests", max_element_bytes=10**7, max_rest_bytes=10**7)
    list(splitter.feed(b'{"requests": ['))
    began_s = time.process_time()
    try:
        for _ in range(50):
            list(splitter.feed((junk * 4096)[:4096]))
    except InvalidJson:
        pass
    assert time.process_time() - began_s < 5
