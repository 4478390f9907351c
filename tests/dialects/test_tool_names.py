"""Tools in namespaces: one name for the engine, and the caller's own words on the way back."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.errors import InvalidParameter
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.tool_names import ToolName, tool_names
from forebay.dialects.turn import JsonObject
from tests.dialects.calls import call_of, events, outcome_of, streamed, tool_call

DIALECT = ResponsesDialect()
FUNCTION: JsonObject = {"type": "function", "name": "spawn", "parameters": {"type": "object"}}
CUSTOM: JsonObject = {"type": "custom", "name": "patch"}
BODY: JsonObject = {
    "model": "m",
    "input": "hi",
    "tools": [{"type": "namespace", "name": "agents", "tools": [FUNCTION, CUSTOM]}, FUNCTION],
}


def function(name: str) -> JsonObject:
    return {**FUNCTION, "name": name}


def namespace(name: str, *tools: JsonObject) -> JsonObject:
    return {"type": "namespace", "name": name, "tools": list(tools)}


def names(turn: Any) -> list[str]:
    return [tool["function"]["name"] for tool in turn.tools]


def test_a_namespace_goes_into_the_engines_name() -> None:
    turn, _ = DIALECT.parse(BODY)
    assert names(turn) == ["agents__spawn", "agents__patch", "spawn"]


def test_names_are_found_again_by_what_the_engine_knows() -> None:
    assert tool_names(BODY["tools"]) == {
        "agents__spawn": ToolName(name="spawn", namespace="agents"),
        "agents__patch": ToolName(name="patch", namespace="agents", is_custom=True),
        "spawn": ToolName(name="spawn"),
    }
    assert tool_names(None) == {}


def test_a_call_is_shown_in_the_callers_words_streamed_and_whole() -> None:
    call = call_of(DIALECT, BODY)
    deltas = [
        *tool_call(0, "call_1", "agents__spawn", "{}"),
        *tool_call(1, "call_2", "agents__patch", '{"input": "a', 'b"}'),
    ]
    outcome = outcome_of(deltas)
    final: Any = DIALECT.final(call, outcome)
    shown = [(item["type"], item["name"], item["namespace"]) for item in final["output"]]
    assert shown == [
        ("function_call", "spawn", "agents"),
        ("custom_tool_call", "patch", "agents"),
    ]
    assert final["output"][1]["input"] == "ab"
    done = [
        event["item"]
        for event in events(streamed(DIALECT, call, deltas, outcome))
        if event["type"] == "response.output_item.done"
    ]
    assert done == final["output"]


def test_a_call_that_is_echoed_goes_back_under_the_engines_name() -> None:
    echoed = {
        "type": "function_call",
        "call_id": "c",
        "name": "spawn",
        "namespace": "agents",
        "arguments": "{}",
    }
    turn, _ = DIALECT.parse({**BODY, "input": [{"role": "user", "content": "hi"}, echoed]})
    last: Any = turn.messages[-1]
    assert last["tool_calls"][0]["function"]["name"] == "agents__spawn"


def test_a_choice_may_name_a_tool_in_its_namespace() -> None:
    choice = {"type": "function", "name": "spawn", "namespace": "agents"}
    turn, _ = DIALECT.parse({**BODY, "tool_choice": choice})
    assert turn.tool_choice == {"type": "function", "function": {"name": "agents__spawn"}}


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ([{"type": "function", "name": "spawn", "namespace": "agents"}], ["agents__spawn"]),
        ([{"type": "custom", "name": "patch", "namespace": "agents"}], ["agents__patch"]),
        ([{"type": "function", "name": "spawn"}], ["spawn"]),
    ],
)
def test_tools_may_be_allowed_in_their_namespaces(
    allowed: list[JsonObject], left: list[str]
) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": allowed}
    turn, _ = DIALECT.parse({**BODY, "tool_choice": choice})
    assert names(turn) == left


def test_a_tool_is_not_allowed_by_its_name_in_another_namespace() -> None:
    allowed = [{"type": "function", "name": "spawn", "namespace": "others"}]
    choice = {"type": "allowed_tools", "mode": "auto", "tools": allowed}
    with pytest.raises(InvalidParameter, match="others__spawn"):
        DIALECT.parse({**BODY, "tool_choice": choice})


@pytest.mark.parametrize(
    "tools",
    [
        [function("a__b"), namespace("a", function("b"))],
        [namespace("a", function("b__c")), namespace("a__b", function("c"))],
    ],
)
def test_tools_that_the_engine_could_not_tell_apart_are_refused(tools: list[JsonObject]) -> None:
    with pytest.raises(InvalidParameter, match="Two tools") as refused:
        DIALECT.parse({**BODY, "tools": tools})
    assert refused.value.param == "tools"
