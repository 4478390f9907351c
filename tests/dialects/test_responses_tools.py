"""Responses: tools, the choice among them and the output format, in the words of chat."""

from __future__ import annotations

import pytest

from forebay.dialects.turn import JsonObject
from tests.dialects.responses_calls import DIALECT, TOOL, body

CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}


def test_a_function_needs_neither_strict_nor_parameters() -> None:
    assert DIALECT.parse(body(tools=[TOOL]))[0].tools == [CHAT_TOOL]


def test_a_function_keeps_all_that_it_has() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = TOOL | {"description": "d", "parameters": schema, "strict": True}
    assert DIALECT.parse(body(tools=[tool]))[0].tools == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
        }
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, None),
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_tool_choice_is_said_in_the_words_of_chat(choice: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert turn.tool_choice == said


def test_a_model_sees_only_the_tools_that_are_allowed() -> None:
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    turn, _ = DIALECT.parse(body(tools=[TOOL, TOOL | {"name": "g"}], tool_choice=allowed))
    assert (turn.tools, turn.tool_choice) == ([CHAT_TOOL], "required")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        ),
    ],
)
def test_an_output_format_is_said_in_the_words_of_chat(shape: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(text={"format": shape, "verbosity": "low"}))
    assert turn.response_format == said
