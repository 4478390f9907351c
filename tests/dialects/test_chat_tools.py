"""The choice among a chat's tools: those that are not allowed are not shown to the model."""

from __future__ import annotations

import pytest

from forebay.core.errors import InvalidParameter
from forebay.dialects.chat_tools import chosen
from forebay.dialects.turn import JsonObject


def tool(name: str) -> JsonObject:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def allowed(mode: str, *names: str) -> JsonObject:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


TOOLS = [tool("a"), tool("b"), tool("c")]


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_the_allowed_tools_are_left_to_choose(mode: str) -> None:
    assert chosen(allowed(mode, "c", "a"), TOOLS) == (mode, [TOOLS[2], TOOLS[0]])


def test_a_tool_that_is_not_there_cannot_be_allowed() -> None:
    with pytest.raises(InvalidParameter, match="'d' not found"):
        chosen(allowed("auto", "d"), TOOLS)


def test_any_other_choice_leaves_all_tools() -> None:
    named: JsonObject = {"type": "function", "function": {"name": "b"}}
    for choice in (None, "none", "auto", "required", named):
        assert chosen(choice, TOOLS) == (choice, TOOLS)
