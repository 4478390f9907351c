"""Which patterns are said in other words, and that what matches those matches the given one."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.forced_pattern import safe_pattern

GIVEN = [
    "^.+$",
    "^.{2,5}$",
    "^a.c$",
    "^[^@]+@[^@]+$",
    '^[^"]*$',
    "^\\S+$",
    "^\\d{4}-\\d{2}$",
    "^[\\w.]+$",
    "^[^\\s]+$",
    "^[ -~]{3,9}$",
    "^a\\/b$",
    "^[\\]\\[^-]{2}$",
    "^(abc|xyz)?$",
    "^(?:[a-c]\\d)+$",
    "[a-z]{2}",
    "^[a-z]+",
    "b\\.c$",
    "ab|cd",
    "^a+?b*?c??$",
    "^\\D{2}\\W\\S$",
    "^\\$\\.\\|\\{$",
    "^\\u0041\\x42$",
    "^é[à-ü]$",
    '^[ab"\\\\]$',
    "",
]


@pytest.mark.parametrize("pattern", GIVEN)
@given(drawn=st.data())
def test_what_matches_the_safe_pattern_matches_the_given_one(
    pattern: str, drawn: st.DataObject
) -> None:
    safe = safe_pattern(pattern)
    assert safe is not None

    text = drawn.draw(st.from_regex(re.compile(safe, re.ASCII), fullmatch=True))

    assert re.search(pattern, text, re.ASCII)
    assert json.dumps(text, ensure_ascii=False) == f'"{text}"'


@pytest.mark.parametrize(
    ("pattern", "safe"),
    [
        ("^[a-z]{1,3}$", "^[a-z]{1,3}$"),
        ("^\\d+$", "^[0-9]+$"),
        ("^a+?$", "^a+$"),
        ("^[!-~]$", "^[!#-\\[\\]-~]$"),
        ("^[^x]$", '^[^x\\x00-\\x1f"\\\\]$'),
        ("^[a^-]$", "^[a\\x5e\\-]$"),
    ],
)
def test_a_safe_pattern_is_said_in_words_that_every_grammar_takes(pattern: str, safe: str) -> None:
    assert safe_pattern(pattern) == safe


@pytest.mark.parametrize(
    "pattern",
    [
        "^(?=a)b$",
        "^(?!a)b$",
        "^(?<name>a)$",
        "(?i)a",
        "^(a)\\1$",
        "\\bword\\b",
        "^\\p{L}$",
        "^\\n$",
        '^"$',
        '^["\\\\]$',
        "^\\\\$",
        "^a$|^b$",
        "^a|b$",
        "a^b",
        "a$b",
        "^[z-a]$",
        "^[\\d-z]$",
        "^[\\D]$",
        "^[]$",
        "^[a",
        "^(a",
        "a)",
        "*a",
        "^a**$",
        "^a{,2}$",
        "^a{x}$",
        "^a{1,2,3}$",
        "\\",
        "\\u12",
    ],
)
def test_a_pattern_without_other_words_is_left_out(pattern: str) -> None:
    assert safe_pattern(pattern) is None
