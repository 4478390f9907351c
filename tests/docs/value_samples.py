"""A body for each value of the page's tables, and the same body without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay.dialects.turn import JsonObject
from forebay.lanes.secret import TextCipher

PROJECT = "proj_1"
CIPHER = TextCipher(b"a secret")
REFERENCE = "msg_1_0"
"""The id of the item that can be referred to."""

IMAGE = "data:image/png;base64,AAAA"
USER: JsonObject = {"role": "user", "content": "hi"}
FUNCTION: JsonObject = {"type": "function", "name": "f", "parameters": {}}
CHAT_FUNCTION: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {}}}
CUSTOM: JsonObject = {"type": "custom", "name": "f"}
SCHEMA: JsonObject = {"name": "s", "schema": {"type": "object"}}


@dataclass(frozen=True, slots=True)
class Sample:
    """The fields of a body with a value, and those of the same body without it."""

    having: Callable[[str], JsonObject]
    lacking: JsonObject


def _in(name: str, fields: JsonObject, **beside: object) -> Sample:
    """Return the sample of a parameter that is an object, with these fields one at a time."""
    return Sample(lambda key: {name: {key: fields[key]}, **beside}, {**beside})


def _is(name: str, **beside: object) -> Sample:
    """Return the sample of a parameter that is the value itself."""
    return Sample(lambda value: {name: value, **beside}, {**beside})


def _chat_parts(kind: str) -> JsonObject:
    parts: dict[str, JsonObject] = {
        "text": {"text": "and"},
        "refusal": {"refusal": "no"},
        "image_url": {"image_url": {"url": IMAGE}},
        "input_audio": {"input_audio": {"data": "AAAA", "format": "wav"}},
        "file": {"file": {"file_id": "file-1"}},
    }
    content = [{"type": "text", "text": "hi"}, {"type": kind, **parts[kind]}]
    return {"messages": [{"role": "user", "content": content}]}


def _chat_choice(kind: str) -> JsonObject:
    choices: dict[str, JsonObject] = {
        "function": {"function": {"name": "f"}},
        "custom": {"custom": {"name": "f"}},
        "allowed_tools": {"allowed_tools": {"mode": "required", "tools": [CHAT_FUNCTION]}},
    }
    choice = {"type": kind, **choices[kind]} if kind in choices else kind
    return {"tools": [CHAT_FUNCTION], "tool_choice": choice}


def _items(kind: str | None) -> JsonObject:
    """Return an input with an item of this kind, which any words do that a known one needs."""
    call: JsonObject = {**FUNCTION, "type": "function_call", "call_id": "c1", "arguments": "{}"}
    item: JsonObject = {
        "type": kind,
        "id": REFERENCE,
        "role": "user",
        "content": [] if kind == "reasoning" else "well",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "call_id": "c1" if str(kind).endswith("_output") else "c2",
        "name": "f",
        "arguments": "{}",
        "input": "x",
        "output": "42",
        "encrypted_content": CIPHER.within(PROJECT).seal("so far"),
    }
    rest: list[JsonObject] = [{"role": "assistant", "content": "so"}, USER]
    return {"input": [call, *([] if kind is None else [item]), *rest]}


def _item_parts(kind: str) -> JsonObject:
    part: JsonObject = {"type": kind, "text": "and", "refusal": "no", "image_url": IMAGE}
    content = [{"type": "input_text", "text": "hi"}, part]
    return {"input": [{"role": "user", "content": content}]}


def _tool(kind: str) -> JsonObject:
    return {"tools": [FUNCTION, {"type": kind, "name": "g", "tools": [FUNCTION]}]}


def _choice(kind: str) -> JsonObject:
    tools = [CUSTOM if kind == "custom" else FUNCTION]
    is_word = kind in ("none", "auto", "required")
    choice = kind if is_word else {"type": kind, "name": "f", "mode": "auto", "tools": tools}
    return {"tools": tools, "tool_choice": choice}


BLOCKS: dict[str, JsonObject] = {
    "text": {"text": "and"},
    "image": {"source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    "document": {"source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    "search_result": {
        "source": "a page",
        "title": "T",
        "content": [{"type": "text", "text": "words"}],
    },
    "tool_result": {"tool_use_id": "t1", "content": "42"},
    "tool_use": {"id": "t2", "name": "f", "input": {}},
    "thinking": {"thinking": "hm", "signature": "s"},
    "tool_reference": {"tool_name": "f"},
}
SOURCES: dict[str, JsonObject] = {
    "base64": {"media_type": "text/plain", "data": "d29yZHM="},
    "url": {"url": IMAGE},
    "file": {"file_id": "file_1"},
    "text": {"media_type": "text/plain", "data": "words"},
    "content": {"content": "words"},
}


def _block(kind: str) -> JsonObject:
    return {"type": kind, **BLOCKS.get(kind, {})}


def _said(*blocks: JsonObject, role: str = "user") -> JsonObject:
    """Return messages in which these blocks follow a text of the role."""
    content = [{"type": "text", "text": "so"}, *blocks]
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    called = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [call]}]
    if role == "user":
        return {"messages": [*called, {"role": "user", "content": content}]}
    return {"messages": [USER, {"role": role, "content": content}, USER]}


def _result(*blocks: JsonObject) -> JsonObject:
    return _said({"type": "tool_result", "tool_use_id": "t1", "content": [*blocks]})


def _source(block: str) -> Sample:
    return Sample(
        lambda kind: _said({"type": block, "source": {"type": kind, **SOURCES[kind]}}), _said()
    )


CLAUDES_TOOL: JsonObject = {"name": "f", "input_schema": {"type": "object"}}
OUTPUT: JsonObject = {
    "effort": "low",
    "format": {"type": "json_schema", "schema": {"type": "object"}},
    "task_budget": {"type": "tokens", "total": 20_000},
}
OBFUSCATION = _in(
    "stream_options", {"include_usage": True, "include_obfuscation": True}, stream=True
)
REASONING: JsonObject = {
    "effort": "low",
    "summary": "auto",
    "generate_summary": "auto",
    "context": "all_turns",
    "mode": "pro",
}

SAMPLES: dict[tuple[str, str], Sample] = {
    ("/v1/chat/completions", "messages[].role"): Sample(
        lambda role: {"messages": [USER, {"role": role, "content": "and"}]}, {"messages": [USER]}
    ),
    ("/v1/chat/completions", "messages[].content[].type"): Sample(_chat_parts, {}),
    ("/v1/chat/completions", "tools[].type"): Sample(
        lambda kind: {"tools": [{"type": kind, kind: {"name": "f"}}]}, {}
    ),
    ("/v1/chat/completions", "tool_choice"): Sample(_chat_choice, {"tools": [CHAT_FUNCTION]}),
    ("/v1/chat/completions", "response_format.type"): Sample(
        lambda kind: {"response_format": {"type": kind, "json_schema": SCHEMA}}, {}
    ),
    ("/v1/chat/completions", "reasoning_effort"): _is("reasoning_effort"),
    ("/v1/chat/completions", "stream_options.*"): OBFUSCATION,
    ("/v1/chat/completions", "service_tier"): _is("service_tier"),
    ("/v1/responses", "input[].type"): Sample(_items, _items(None)),
    ("/v1/responses", "input[].content[].type"): Sample(_item_parts, {}),
    ("/v1/responses", "tools[].type"): Sample(_tool, {"tools": [FUNCTION]}),
    ("/v1/responses", "tool_choice"): Sample(_choice, {"tools": [FUNCTION]}),
    ("/v1/responses", "include"): Sample(lambda name: {"include": [name]}, {}),
    ("/v1/responses", "text.*"): _in(
        "text", {"format": {"type": "json_object"}, "verbosity": "low"}
    ),
    ("/v1/responses", "text.format.type"): Sample(
        lambda kind: {"text": {"format": {"type": kind, **SCHEMA}}}, {}
    ),
    ("/v1/responses", "reasoning.*"): _in("reasoning", REASONING),
    ("/v1/responses", "reasoning.effort"): Sample(
        lambda effort: {"reasoning": {"effort": effort}}, {}
    ),
    ("/v1/responses", "truncation"): _is("truncation"),
    ("/v1/responses", "stream_options.*"): OBFUSCATION,
    ("/v1/responses", "service_tier"): _is("service_tier"),
    ("/v1/messages", "user's content[].type"): Sample(lambda kind: _said(_block(kind)), _said()),
    ("/v1/messages", "assistant's content[].type"): Sample(
        lambda kind: _said(_block(kind), role="assistant"), _said(role="assistant")
    ),
    ("/v1/messages", "tool_result.content[].type"): Sample(
        lambda kind: _result(_block(kind)), _result()
    ),
    ("/v1/messages", "image.source.type"): _source("image"),
    ("/v1/messages", "document.source.type"): _source("document"),
    ("/v1/messages", "tools[].type"): Sample(
        lambda kind: {"tools": [CLAUDES_TOOL, {"input_schema": {}, "type": kind, "name": "g"}]},
        {"tools": [CLAUDES_TOOL]},
    ),
    ("/v1/messages", "tool_choice.type"): Sample(
        lambda kind: {"tools": [CLAUDES_TOOL], "tool_choice": {"type": kind, "name": "f"}},
        {"tools": [CLAUDES_TOOL]},
    ),
    ("/v1/messages", "thinking.type"): Sample(lambda kind: {"thinking": {"type": kind}}, {}),
    ("/v1/messages", "thinking.*"): Sample(
        lambda key: {
            "thinking": {"type": "enabled", key: {"display": "omitted", "budget_tokens": 2048}[key]}
        },
        {"thinking": {"type": "enabled"}},
    ),
    ("/v1/messages", "output_config.*"): _in("output_config", OUTPUT),
    ("/v1/messages", "metadata.*"): _in(
        "metadata", {"completion_window": "standard", "user_id": "u"}
    ),
    ("/v1/messages", "service_tier"): _is("service_tier"),
    ("/v1/completions", "stream_options.*"): OBFUSCATION,
    ("/v1/completions", "service_tier"): _is("service_tier"),
    ("/v1/embeddings", "encoding_format"): _is("encoding_format"),
}
