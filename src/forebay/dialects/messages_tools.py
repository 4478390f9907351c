"""Tools, the choice among them and the output format: from Anthropic's words to those of chat."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from forebay.core.errors import InvalidParameter, MissingParameter, UnsupportedParameter
from forebay.dialects.messages_vendor_tools import CLIENT_SIDE, is_server_side
from forebay.dialects.tool_choice import named_tool, require_tools
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read


class ToolChoice(msgspec.Struct):
    """The `tool_choice` of a body."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a body: those that a model may call, as chat says them.

    `left_out` has the names and the types of those that nobody could run: they are offers, so a
    model does without them.
    """

    functions: list[JsonObject]
    left_out: dict[str, str]


class _Tool(msgspec.Struct):
    name: str
    input_schema: JsonObject | None = None
    description: str | None = None
    strict: bool | None = None
    input_examples: list[JsonObject] | None = None


class _JsonSchemaFormat(msgspec.Struct):
    type: str
    schema: JsonObject


def chat_tools(tools: list[JsonObject]) -> Tools:
    """Return the tools; raises `UnsupportedParameter` for those of a type that is not known."""
    functions: list[JsonObject] = []
    left_out: dict[str, str] = {}
    for index, tool in enumerate(tools):
        kind = tool.get("type")
        if isinstance(kind, str) and is_server_side(kind):
            left_out[str(tool.get("name", kind))] = kind
        else:
            functions.append(_function(tool, kind, at=f"tools[{index}]"))
    return Tools(functions, left_out)


def chosen(choice: ToolChoice | None, tools: Tools) -> str | JsonObject | None:
    """Return the choice as chat says it; raises `RequestRejected` for one of no tool."""
    if choice is None:
        return None
    match choice.type:
        case "auto" | "none":
            return choice.type
        case "any":
            if tools.left_out and not tools.functions:
                raise _runs_nowhere("tool_choice", next(iter(tools.left_out.values())))
            require_tools(tools.functions)
            return "required"
        case "tool":
            if choice.name in tools.left_out:
                raise _runs_nowhere("tool_choice.name", tools.left_out[choice.name])
            require_tools(tools.functions)
            named_tool(choice.name, tools.functions, param="tool_choice.name")
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


def _function(tool: JsonObject, kind: object, *, at: str) -> JsonObject:
    vendors = CLIENT_SIDE.get(kind) if isinstance(kind, str) else None
    if vendors is None and kind not in (None, "custom"):
        raise UnsupportedParameter(
            f"{at}.type", f"tools of type '{kind}' are not known here; describe a custom one"
        )
    shape = read(tool, _Tool, at=at)
    description = vendors.description if vendors else shape.description
    schema = vendors.schema if vendors else shape.input_schema
    if schema is None:
        raise MissingParameter(f"{at}.input_schema")
    if shape.input_examples:
        examples = [encode(example).decode() for example in shape.input_examples]
        description = "\n".join([*filter(None, [description]), "Examples of its input:", *examples])
    function: JsonObject = {"name": shape.name}
    if description is not None:
        function["description"] = description
    function["parameters"] = schema
    if shape.strict is not None:
        function["strict"] = shape.strict
    return {"type": "function", "function": function}


def _runs_nowhere(param: str, kind: str) -> UnsupportedParameter:
    return UnsupportedParameter(param, f"no tool of type '{kind}' runs on this server")
