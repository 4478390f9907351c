"""Tool calls on any engine that can be held to a JSON schema.

Some engines have no tools for a model, drop them without a word, or take a demanded call for a
wish. Here the answer itself is JSON: `{"message": ...}`, or
`{"tool_calls": [{"name": ..., "arguments": ...}]}`, or a message with calls behind it.
`forced_reader` turns it back.
"""

from __future__ import annotations

import msgspec

from forebay.dialects.forced_messages import is_begun, plain_messages
from forebay.dialects.forced_plan import ForcedPlan, ForcedTool, plan_of
from forebay.dialects.forced_schemas import Definitions
from forebay.dialects.turn import JsonObject, Turn

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}
_PREFILL = frozenset({"continue_final_message", "add_generation_prompt"})
_RESULT_ROLES = frozenset({"tool", "function"})


def forced(turn: Turn) -> Turn:
    """Return a turn that asks for the same with a JSON schema, and knows no tools.

    Where no tool may be called, only the history is said in other words. A demanded call
    (`required`, or a tool by name) leaves no room for text. Every schema is strict, whatever the
    tool says. Stop strings are left to the reader. Raises `RequestRejected` for a tool or a schema
    that cannot be followed.
    """
    plan = plan_of(turn)
    if plan is None and not turn.tools and not _has_calls(turn.messages):
        return turn
    plain = msgspec.structs.replace(
        turn,
        messages=plain_messages(turn.messages, plan),
        tools=[],
        tool_choice=None,
        parallel_tool_calls=None,
    )
    if plan is None:
        return plain
    # These would have the engine go on with the last message, which is a user's now.
    left_out = _PREFILL if is_begun(turn.messages) else frozenset()
    schema: JsonObject = {"name": "answer", "schema": answer_schema(plan), "strict": True}
    return msgspec.structs.replace(
        plain,
        response_format={"type": "json_schema", "json_schema": schema},
        sampling={name: value for name, value in turn.sampling.items() if name != "stop"},
        extra={name: value for name, value in turn.extra.items() if name not in left_out},
    )


def answer_schema(plan: ForcedPlan) -> JsonObject:
    """Return the schema of the answers that a plan allows."""
    definitions = Definitions()
    calls: JsonObject = {
        "type": "array",
        "items": {
            "anyOf": [
                _call(definitions, tool, index=index) for index, tool in enumerate(plan.tools)
            ]
        },
        "minItems": 1,
        "maxItems": plan.max_calls,
    }
    definitions.schemas["tool_calls"] = calls
    some_calls: JsonObject = {"tool_calls": {"$ref": "#/$defs/tool_calls"}}
    only_calls = _object(some_calls)
    if not plan.is_message_allowed:
        return {**only_calls, "$defs": definitions.schemas}
    words: JsonObject = {"type": "string"}
    if plan.message_schema is not None:
        at = "response_format"
        words = definitions.add("message", plan.message_schema, at=at, is_object=False)
    # Models like to say what they are about to do. Without calls behind it, that would be all.
    message = _object({"message": words, **some_calls}, optional="tool_calls")
    return {"anyOf": [message, only_calls], "$defs": definitions.schemas}


def _call(definitions: Definitions, tool: ForcedTool, *, index: int) -> JsonObject:
    parameters = _NO_ARGUMENTS if tool.parameters is None else tool.parameters
    arguments = definitions.add(f"tool_{index}", parameters, at=tool.at, is_object=True)
    # Engines write the keys in this order, and the reader counts on it.
    return _object({"name": {"const": tool.name}, "arguments": arguments})


def _object(properties: JsonObject, *, optional: str | None = None) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != optional],
        "additionalProperties": False,
    }


def _has_calls(messages: list[JsonObject]) -> bool:
    return any(
        message.get("tool_calls")
        or message.get("function_call")
        or message.get("role") in _RESULT_ROLES
        for message in messages
    )
