"""What an answer may hold when tool calls are forced by a JSON schema.

Said once here, because the schema that goes out and the reader of what comes back must agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.errors import InvalidType, MissingParameter
from forebay.dialects.tool_choice import named_tool
from forebay.dialects.turn import JsonObject, Turn

MAX_CALLS = 8
"""How many calls one answer may make: small models that may go on rarely stop by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedTool:
    """A function that may be called; without `parameters` it takes an empty object.

    `at` is its path in the body, for errors.
    """

    name: str
    description: str
    parameters: JsonObject | None
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedPlan:
    """Calls of `tools`, and a message where one is allowed.

    `message_schema` is what the caller wants text to be; None means plain text.
    """

    tools: tuple[ForcedTool, ...]
    is_message_allowed: bool
    max_calls: int
    message_schema: JsonObject | None = None


def plan_of(turn: Turn) -> ForcedPlan | None:
    """Return what the turn's answer may hold, None where no tool may be called.

    Raises `RequestRejected` for a tool that is not one.
    """
    choice = turn.tool_choice
    if not turn.tools or choice == "none":
        return None
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        tool = named_tool(name, turn.tools)
        at = f"tools[{turn.tools.index(tool)}]"
        return ForcedPlan(tools=(_tool(tool, at=at),), is_message_allowed=False, max_calls=1)
    is_message_allowed = choice != "required"
    return ForcedPlan(
        tools=tuple(_tool(tool, at=f"tools[{index}]") for index, tool in enumerate(turn.tools)),
        is_message_allowed=is_message_allowed,
        max_calls=1 if turn.parallel_tool_calls is False else MAX_CALLS,
        message_schema=_message_schema(turn.response_format) if is_message_allowed else None,
    )


def _tool(tool: JsonObject, *, at: str) -> ForcedTool:
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise MissingParameter(f"{at}.function.name")
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidType(
            f"Invalid type for '{at}.function.parameters': expected an object.",
            param=f"{at}.function.parameters",
        )
    description = function.get("description")
    return ForcedTool(
        name=function["name"],
        description=description if isinstance(description, str) else "",
        parameters=parameters or None,
        at=at,
    )


def _message_schema(response_format: JsonObject | None) -> JsonObject | None:
    match (response_format or {}).get("type"):
        case "json_object":
            return {"type": "object"}
        case "json_schema":
            assert response_format is not None
            given = response_format.get("json_schema")
            schema = given.get("schema") if isinstance(given, dict) else None
            return schema if isinstance(schema, dict) else {}
        case _:
            return None
