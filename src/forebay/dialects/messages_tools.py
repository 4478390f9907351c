"""Tools, the choice among them and the output format: from Anthropic's words to those of chat."""

from __future__ import annotations

import msgspec

from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.dialects.tool_choice import named_tool, require_tools
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read


class ToolChoice(msgspec.Struct):
    """The `tool_choice` of a body."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Tool(msgspec.Struct):
    name: str
    input_schema: JsonObject
    description: str | None = None
    strict: bool | None = None


class _JsonSchemaFormat(msgspec.Struct):
    type: str
    schema: JsonObject


def chat_tools(tools: list[JsonObject]) -> list[JsonObject]:
    """Return the tools as chat says them; raises `UnsupportedParameter` for the vendor's own."""
    return [_function(tool, at=f"tools[{index}]") for index, tool in enumerate(tools)]


def chosen(choice: ToolChoice | None, tools: list[JsonObject]) -> str | JsonObject | None:
    """Return the choice as chat says it; raises `InvalidParameter` for one of no tool."""
    if choice is None:
        return None
    match choice.type:
        case "auto" | "none":
            return choice.type
        case "any":
            require_tools(tools)
            return "required"
        case "tool":
            require_tools(tools)
            named_tool(choice.name, tools, param="tool_choice.name")
            return {"type": "function", "function": {"name": choice.name}}
        case kind:
            raise InvalidParameter(
                f"Invalid value: '{kind}'. Supported values are: 'auto', 'any', 'tool' and 'none'.",
                param="tool_choice.type",
            )


def response_format(wanted: JsonObject | None, *, at: str) -> JsonObject | None:
    """Return a wanted output format as chat says it."""
    if wanted is None:
        return None
    shape = read(wanted, _JsonSchemaFormat, at=at)
    if shape.type != "json_schema":
        raise InvalidParameter(
            f"Invalid value: '{shape.type}'. The one supported value is: 'json_schema'.",
            param=f"{at}.type",
        )
    schema: JsonObject = {"name": "output", "schema": shape.schema, "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _function(tool: JsonObject, *, at: str) -> JsonObject:
    kind = tool.get("type")
    if kind is not None and kind != "custom":
        raise UnsupportedParameter(f"{at}.type", f"no tool of type '{kind}' runs on this server")
    shape = read(tool, _Tool, at=at)
    function: JsonObject = {"name": shape.name}
    if shape.description is not None:
        function["description"] = shape.description
    function["parameters"] = shape.input_schema
    if shape.strict is not None:
        function["strict"] = shape.strict
    return {"type": "function", "function": function}
