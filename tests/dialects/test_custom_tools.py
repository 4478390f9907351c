"""Custom tools by way of functions: the input comes out as the model wrote it, however it comes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.core.errors import MissingParameter
from forebay.dialects.custom_tools import (
    InputReader,
    arguments_of,
    as_function,
    input_of,
)
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode


def test_a_custom_tool_becomes_a_function_of_one_text() -> None:
    tool: JsonObject = {"type": "custom", "name": "shell", "description": "Runs it."}
    assert as_function(tool, at="tools[0]") == {
        "type": "function",
        "function": {
            "name": "shell",
            "description": "Runs it.",
            "parameters": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
                "additionalProperties": False,
            },
        },
    }


def test_a_grammar_is_told_to_the_model() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x+/"}
    function = as_function({"type": "custom", "name": "x", "format": grammar}, at="tools[0]")
    assert b"must follow this lark grammar:\\nstart: /x+/" in encode(function)


def test_a_custom_tool_needs_a_name() -> None:
    with pytest.raises(MissingParameter) as refused:
        as_function({"type": "custom"}, at="tools[3]")
    assert refused.value.param == "tools[3].name"


@given(st.text())
def test_any_input_survives_the_way_through_arguments(text: str) -> None:
    assert input_of(arguments_of(text)) == text


@given(st.text(), st.lists(st.integers(0, 200)), st.booleans())
def test_any_split_of_the_arguments_gives_the_same_input(
    text: str, cuts: list[int], is_ascii: bool
) -> None:
    # Engines escape what is not ASCII, or leave it.
    arguments = json.dumps({"input": text}) if is_ascii else arguments_of(text)
    reader = InputReader()
    places = sorted({min(cut, len(arguments)) for cut in cuts})
    pieces = [arguments[a:b] for a, b in zip([0, *places], [*places, len(arguments)], strict=True)]
    assert "".join([*map(reader.feed, pieces), reader.end()]) == text


def test_what_the_model_wrote_without_the_object_is_the_input() -> None:
    assert input_of("ls -l") == "ls -l"


def test_arguments_that_were_cut_off_give_the_input_so_far() -> None:
    assert input_of('{"input": "ls \\u00e') == "ls "


@pytest.mark.parametrize("lone", ['"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\\uzzzz"'])
def test_half_a_pair_becomes_the_sign_for_what_is_unreadable(lone: str) -> None:
    assert "\ufffd" in input_of('{"input": ' + lone + "}")
