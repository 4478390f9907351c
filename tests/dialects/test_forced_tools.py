"""What is asked of an engine that knows no tools: the schema, the instructions and the history."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.errors import InvalidParameter, InvalidType, MissingParameter
from forebay.dialects.forced_plan import MAX_CALLS
from forebay.dialects.forced_tools import forced
from forebay.dialects.turn import JsonObject, Turn
from tests.dialects.forced_answers import NAMED, TOOLS, tool, turn_of, user
from tests.dialects.json_schema import fits

QUESTION = user("Weather?")
PARIS = {"name": "get_weather", "arguments": {"city": "Paris"}}
TIME = {"name": "get_time", "arguments": {}}


def schema_of(turn: Turn) -> Any:
    asked = forced(turn).response_format
    assert asked is not None and asked["type"] == "json_schema"
    given: Any = asked["json_schema"]
    assert given["strict"] is True
    return given["schema"]


def test_the_engine_hears_nothing_of_tools() -> None:
    turn = forced(turn_of(QUESTION, tool_choice="required", parallel_tool_calls=True))

    assert (turn.tools, turn.tool_choice, turn.parallel_tool_calls) == ([], None, None)
    assert {message["role"] for message in turn.messages} == {"system", "user"}


@pytest.mark.parametrize(
    ("answer", "is_auto", "is_required", "is_named"),
    [
        ({"message": "Hi"}, True, False, False),
        ({"tool_calls": [PARIS]}, True, True, True),
        ({"message": "Hi", "tool_calls": [PARIS]}, True, False, False),
        ({"tool_calls": [TIME]}, True, True, False),
        ({"tool_calls": [PARIS, TIME]}, True, True, False),
        ({"tool_calls": [TIME] * MAX_CALLS}, True, True, False),
        ({"tool_calls": [TIME] * (MAX_CALLS + 1)}, False, False, False),
        ({"tool_calls": []}, False, False, False),
        ({"tool_calls": [{"name": "other", "arguments": {}}]}, False, False, False),
        ({"tool_calls": [{"name": "get_weather", "arguments": {}}]}, False, False, False),
        ({"tool_calls": [{"name": "get_time", "arguments": {"a": 1}}]}, False, False, False),
        ({"tool_calls": [PARIS], "more": 1}, False, False, False),
        ({}, False, False, False),
    ],
)
def test_the_schema_lets_through_what_the_choice_allows(
    answer: Any, is_auto: bool, is_required: bool, is_named: bool
) -> None:
    assert fits(answer, schema_of(turn_of(QUESTION))) is is_auto
    assert fits(answer, schema_of(turn_of(QUESTION, tool_choice="auto"))) is is_auto
    assert fits(answer, schema_of(turn_of(QUESTION, tool_choice="required"))) is is_required
    assert fits(answer, schema_of(turn_of(QUESTION, tool_choice=NAMED))) is is_named


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_without_parallel_calls_there_is_one_at_most(choice: str) -> None:
    schema = schema_of(turn_of(QUESTION, tool_choice=choice, parallel_tool_calls=False))

    assert fits({"tool_calls": [TIME]}, schema)
    assert not fits({"tool_calls": [TIME, TIME]}, schema)


def test_a_name_comes_before_its_arguments() -> None:
    calls = schema_of(turn_of(QUESTION))["$defs"]["tool_calls"]

    assert [list(way["properties"]) for way in calls["items"]["anyOf"]] == [
        ["name", "arguments"]
    ] * 2


def test_the_references_of_two_tools_do_not_meet() -> None:
    tools = [
        tool(kind, {"properties": {"v": {"$ref": "#/$defs/v"}}, "$defs": {"v": {"type": kind}}})
        for kind in ("string", "integer")
    ]
    schema = schema_of(turn_of(QUESTION, tools=tools))

    for name, value, is_right in (("string", "x", True), ("integer", "x", False)):
        call = {"name": name, "arguments": {"v": value}}
        assert fits({"tool_calls": [call]}, schema) is is_right


@pytest.mark.parametrize(
    ("response_format", "right", "wrong"),
    [
        ({"type": "text"}, "Hi", {"a": 1}),
        ({"type": "json_object"}, {"a": 1}, "Hi"),
        ({"type": "json_schema", "json_schema": {"schema": {"type": "integer"}}}, 3, "Hi"),
    ],
)
def test_a_message_has_the_format_that_text_was_to_have(
    response_format: JsonObject, right: Any, wrong: Any
) -> None:
    schema = schema_of(turn_of(QUESTION, response_format=response_format))

    assert fits({"message": right}, schema)
    assert not fits({"message": wrong}, schema)


def test_stop_strings_are_left_to_the_reader() -> None:
    sampling: JsonObject = {"stop": ["}"], "temperature": 0.5}

    assert forced(turn_of(QUESTION, sampling=sampling)).sampling == {"temperature": 0.5}
    assert forced(turn_of(QUESTION, sampling=sampling, tool_choice="none")).sampling == sampling


def test_a_turn_that_has_nothing_to_do_with_tools_is_left_alone() -> None:
    turn = turn_of(QUESTION, {"role": "assistant", "content": "It is"}, tools=[])

    assert forced(turn) is turn


@pytest.mark.parametrize(
    ("given", "error", "param"),
    [
        ({"type": "function", "function": {}}, MissingParameter, "tools[2].function.name"),
        (tool("f", []), InvalidType, "tools[2].function.parameters"),
        (tool("f", {"type": "array"}), InvalidParameter, "tools[2]"),
    ],
)
def test_a_tool_that_is_none_is_refused_by_its_path(
    given: JsonObject, error: type[InvalidParameter], param: str
) -> None:
    with pytest.raises(error) as refused:
        forced(turn_of(QUESTION, tools=[*TOOLS, given]))
    assert refused.value.param == param


def test_a_format_that_cannot_be_followed_is_refused_by_its_path() -> None:
    schema = {"schema": {"$ref": "#/none"}}
    turn = turn_of(QUESTION, response_format={"type": "json_schema", "json_schema": schema})

    with pytest.raises(InvalidParameter) as refused:
        forced(turn)
    assert refused.value.param == "response_format"
