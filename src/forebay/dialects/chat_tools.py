"""The tools of a chat and the choice among them, in the one form that engines know."""

from __future__ import annotations

from typing import Literal

import msgspec

from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.tool_choice import named_tool, require_tools
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read


class _NamedFunction(msgspec.Struct):
    name: str


class _NamedChoice(msgspec.Struct):
    function: _NamedFunction


class _Allowed(msgspec.Struct):
    mode: Literal["auto", "required"]
    tools: list[_NamedChoice]


class _AllowedChoice(msgspec.Struct):
    allowed_tools: _Allowed


def check_tools(tools: list[JsonObject]) -> None:
    """Raise `InvalidParameter` for a tool that is no function."""
    for index, tool in enumerate(tools):
        if tool.get("type") != "function" or not isinstance(tool.get("function"), dict):
            raise InvalidParameter(
                "Only tools of type 'function', with a 'function' object, are supported.",
                param=f"tools[{index}]",
            )


def chosen(
    choice: str | JsonObject | None, tools: list[JsonObject]
) -> tuple[str | JsonObject | None, list[JsonObject]]:
    """Return the choice as engines know it, and those of the `tools` that it leaves to choose."""
    if choice is None or choice in ("none", "auto"):
        return choice, tools
    require_tools(tools)
    if choice == "required":
        return choice, tools
    if isinstance(choice, str):
        raise InvalidParameter(
            f"Invalid value: '{choice}'. Supported values are: 'none', 'auto' and 'required'.",
            param="tool_choice",
        )
    match choice.get("type"):
        case "function":
            named_tool(read(choice, _NamedChoice, at="tool_choice").function.name, tools)
            return choice, tools
        case "allowed_tools":
            # A model that sees only the allowed tools comes to the same.
            allowed = read(choice, _AllowedChoice, at="tool_choice").allowed_tools
            return allowed.mode, [named_tool(each.function.name, tools) for each in allowed.tools]
        case kind:
            raise UnsupportedParameter(
                "tool_choice.type",
                f"'{kind}' is not supported, only 'function' and 'allowed_tools' are",
            )
