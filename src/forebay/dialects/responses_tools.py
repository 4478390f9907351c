"""Tools, the choice among them and the output format: from Responses' words to those of chat."""

from __future__ import annotations

import msgspec

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
)
from forebay.dialects.custom_tools import as_function
from forebay.dialects.tool_choice import named_tool, require_tools
from forebay.dialects.tool_names import ambiguous_name, engine_name
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


class _FunctionTool(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class _Namespace(msgspec.Struct):
    name: str
    tools: list[JsonObject]


class _NamedChoice(msgspec.Struct):
    name: str
    namespace: str | None = None


class _AllowedTools(msgspec.Struct):
    mode: str
    tools: list[JsonObject]


class _JsonSchemaFormat(msgspec.Struct):
    name: str
    schema: JsonObject
    description: str | None = None
    strict: bool | None = None


# What the vendor runs itself, and we do not: a model that is not told of them does without.
RUN_BY_THE_VENDOR = frozenset(
    {
        "code_interpreter",
        "file_search",
        "image_generation",
        "mcp",
        "tool_search",
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)


def chat_tools(tools: list[JsonObject]) -> list[JsonObject]:
    """Return the tools as chat says them, without those that the vendor's own server would run.

    Raises `UnsupportedParameter` for a kind that the model would have to know.
    """
    name = ambiguous_name(tools)
    if name is not None:
        raise InvalidParameter(
            f"Two tools are called '{name}' once their namespaces are part of their names.",
            param="tools",
        )
    return _all_functions(tools, at="tools")


def chosen(
    choice: object, tools: list[JsonObject]
) -> tuple[str | JsonObject | None, list[JsonObject]]:
    """Return the choice as chat says it, and those of the chat `tools` that it leaves to choose."""
    if choice is None or choice in ("none", "auto"):
        return (choice if isinstance(choice, str) else None), tools
    require_tools(tools)
    if choice == "required":
        return "required", tools
    if not isinstance(choice, dict):
        raise InvalidType(
            "Invalid type for 'tool_choice': expected 'none', 'auto', 'required' or an object.",
            param="tool_choice",
        )
    match choice.get("type"):
        case "function" | "custom":
            wanted = read(choice, _NamedChoice, at="tool_choice")
            name = engine_name(wanted.name, wanted.namespace)
            named_tool(name, tools)
            return {"type": "function", "function": {"name": name}}, tools
        case "allowed_tools":
            return _allowed(read(choice, _AllowedTools, at="tool_choice"), tools)
        case kind:
            raise UnsupportedParameter(
                "tool_choice.type", f"no tool of type '{kind}' runs on this server"
            )


def response_format(text: JsonObject | None) -> JsonObject | None:
    """Return `text.format` as chat says it; None for plain text."""
    wanted = None if text is None else text.get("format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise InvalidType(
            "Invalid type for 'text.format': expected an object.", param="text.format"
        )
    match wanted.get("type"):
        case "text":
            return None
        case "json_object":
            return {"type": "json_object"}
        case "json_schema":
            shape = read(wanted, _JsonSchemaFormat, at="text.format")
            fields: JsonObject = {"name": shape.name, "schema": shape.schema}
            if shape.description is not None:
                fields["description"] = shape.description
            if shape.strict is not None:
                fields["strict"] = shape.strict
            return {"type": "json_schema", "json_schema": fields}
        case None:
            raise MissingParameter("text.format.type")
        case kind:
            raise InvalidParameter(
                f"Invalid value: '{kind}'. Supported values are: 'text', 'json_object' and "
                "'json_schema'.",
                param="text.format.type",
            )


def _all_functions(
    tools: list[JsonObject], *, at: str, namespace: str | None = None
) -> list[JsonObject]:
    found: list[JsonObject] = []
    for index, tool in enumerate(tools):
        found.extend(_functions(tool, at=f"{at}[{index}]", namespace=namespace))
    return found


def _functions(tool: JsonObject, *, at: str, namespace: str | None) -> list[JsonObject]:
    match tool.get("type"):
        case "function":
            return [_in_namespace(_function(tool, at=at), namespace)]
        case "custom":
            return [_in_namespace(as_function(tool, at=at), namespace)]
        case "namespace" if namespace is None:
            group = read(tool, _Namespace, at=at)
            return _all_functions(group.tools, at=f"{at}.tools", namespace=group.name)
        case None:
            raise MissingParameter(f"{at}.type")
        case kind if kind in RUN_BY_THE_VENDOR:
            return []
        case kind:
            raise UnsupportedParameter(
                f"{at}.type", f"tools of type '{kind}' are not supported by this server"
            )


def _in_namespace(tool: JsonObject, namespace: str | None) -> JsonObject:
    function = tool["function"]
    assert isinstance(function, dict)
    name = engine_name(str(function["name"]), namespace)
    return {**tool, "function": {**function, "name": name}}


def _function(tool: JsonObject, *, at: str) -> JsonObject:
    shape = read(tool, _FunctionTool, at=at)
    function: JsonObject = {"name": shape.name}
    if shape.description is not None:
        function["description"] = shape.description
    # Some engines fail on a function without parameters.
    function["parameters"] = _NO_PARAMETERS if shape.parameters is None else shape.parameters
    if shape.strict is not None:
        function["strict"] = shape.strict
    return {"type": "function", "function": function}


def _allowed(choice: _AllowedTools, tools: list[JsonObject]) -> tuple[str, list[JsonObject]]:
    if choice.mode not in ("auto", "required"):
        raise InvalidParameter(
            f"Invalid value: '{choice.mode}'. Supported values are: 'auto' and 'required'.",
            param="tool_choice.mode",
        )
    # Engines do not know this form; a model that sees only the allowed tools comes to the same.
    wanted = [read(allowed, _NamedChoice, at="tool_choice.tools") for allowed in choice.tools]
    names = [engine_name(allowed.name, allowed.namespace) for allowed in wanted]
    return choice.mode, [named_tool(name, tools) for name in names]
