"""The items of Responses and Conversations as the API shows them, whatever shorthand came in.

A shown item is whole: it has an id, a type and a status, and its content is a list of parts. The
prefixes of ids are OpenAI's, whose own server refuses to take an item back under another one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from forebay.core.errors import InvalidParameter, MissingParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

_PREFIXES = {
    "message": "msg_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "reasoning": "rs_",
    "compaction": "cmp_",
}

_STATUSES = ("in_progress", "completed", "incomplete")
_PHASES = ("commentary", "final_answer")
_DETAILS = ("low", "high", "auto", "original")


class _Message(msgspec.Struct):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[JsonObject]


class _Call(msgspec.Struct):
    call_id: str
    name: str
    arguments: str


class _CustomCall(msgspec.Struct):
    call_id: str
    name: str
    input: str


class _Output(msgspec.Struct):
    call_id: str
    output: str | list[JsonObject]


class _Text(msgspec.Struct):
    text: str


class _Refusal(msgspec.Struct):
    refusal: str


class _Image(msgspec.Struct):
    image_url: str | None = None
    file_id: str | None = None


class _Reasoning(msgspec.Struct):
    summary: list[JsonObject] | None = None
    content: list[JsonObject] | None = None
    encrypted_content: str | None = None


class _Compaction(msgspec.Struct):
    encrypted_content: str


def prefix_of(item: JsonObject, *, at: str = "item") -> str:
    """Return the prefix that the ids of such items have; raises `UnsupportedParameter`."""
    return _PREFIXES[_kind(item, at)]


def own_id(item: JsonObject) -> str | None:
    """Return the id that the caller gave the item, if any."""
    given = item.get("id")
    return given if isinstance(given, str) and given else None


def normalised(item: JsonObject, *, id: str, at: str = "item") -> JsonObject:
    """Return the item in full under that id; fields that the API does not define are left out.

    Raises `RequestRejected` that names the field, whose path begins with `at`, but not for a detail
    that no model reads, such as a status: what is wrong there is put right.
    """
    kind = _kind(item, at)
    fields: JsonObject = {"id": id, "type": kind}
    match kind:
        case "message":
            message = read(item, _Message, at=at)
            fields |= _status(item) | {"role": message.role, "content": _content(message, at)}
            if message.role == "assistant" and item.get("phase") in _PHASES:
                fields["phase"] = item["phase"]
        case "function_call":
            call = read(item, _Call, at=at)
            fields |= _called(call, item) | {"arguments": call.arguments}
        case "custom_tool_call":
            custom = read(item, _CustomCall, at=at)
            fields |= _called(custom, item) | {"input": custom.input}
        case "function_call_output" | "custom_tool_call_output":
            result = read(item, _Output, at=at)
            fields |= _status(item) | {"call_id": result.call_id, "output": _output(result, at)}
        case "reasoning":
            fields |= _status(item) | _reasoning(read(item, _Reasoning, at=at))
        case _:
            fields["encrypted_content"] = read(item, _Compaction, at=at).encrypted_content
    return fields


def _kind(item: JsonObject, at: str) -> str:
    kind = item.get("type") or "message"
    if not isinstance(kind, str) or kind not in _PREFIXES:
        reason = f"items of type '{kind}' are not supported by this server"
        raise UnsupportedParameter(f"{at}.type", reason)
    return kind


def _status(item: JsonObject) -> JsonObject:
    given = item.get("status")
    return {"status": given if given in _STATUSES else "completed"}


def _content(message: _Message, at: str) -> list[JsonObject]:
    given = message.content
    if isinstance(given, str):
        given = [{"type": "text", "text": given}]
    return _parts(given, f"{at}.content", is_answer=message.role == "assistant")


def _called(call: _Call | _CustomCall, item: JsonObject) -> JsonObject:
    fields = _status(item) | {"call_id": call.call_id, "name": call.name}
    if isinstance(item.get("namespace"), str):
        fields["namespace"] = item["namespace"]
    return fields


def _output(result: _Output, at: str) -> str | list[JsonObject]:
    given = result.output
    return given if isinstance(given, str) else _parts(given, f"{at}.output", is_answer=False)


def _reasoning(reasoning: _Reasoning) -> JsonObject:
    return {
        "summary": _typed("summary_text", reasoning.summary),
        "content": _typed("reasoning_text", reasoning.content),
        "encrypted_content": reasoning.encrypted_content,
    }


def _typed(kind: str, parts: list[JsonObject] | None) -> list[JsonObject]:
    texts = [part.get("text") for part in parts or []]
    return [{"type": kind, "text": text} for text in texts if isinstance(text, str)]


def _parts(parts: list[JsonObject], at: str, *, is_answer: bool) -> list[JsonObject]:
    return [_part(part, f"{at}[{index}]", is_answer=is_answer) for index, part in enumerate(parts)]


def _part(part: JsonObject, at: str, *, is_answer: bool) -> JsonObject:
    """Return a part as its side of the conversation has it: only answers have output text."""
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            text = read(part, _Text, at=at).text
            return _answer_text(text, part) if is_answer else {"type": "input_text", "text": text}
        case "refusal":
            refusal = read(part, _Refusal, at=at).refusal
            if is_answer:
                return {"type": "refusal", "refusal": refusal}
            return {"type": "input_text", "text": refusal}
        case "input_image":
            return _image(read(part, _Image, at=at), part, at)
        case "input_file" | "input_audio" as kind:
            raise UnsupportedParameter(
                f"{at}.type", f"parts of type '{kind}' are not supported here"
            )
        case kind:
            raise InvalidParameter(
                f"Invalid value: '{kind}'. Supported values are: 'input_text', 'input_image', "
                "'output_text' and 'refusal'.",
                param=f"{at}.type",
            )


def _answer_text(text: str, part: JsonObject) -> JsonObject:
    return {
        "type": "output_text",
        "text": text,
        "annotations": _objects(part.get("annotations")),
        "logprobs": _objects(part.get("logprobs")),
    }


def _image(image: _Image, part: JsonObject, at: str) -> JsonObject:
    if image.image_url is None:
        if image.file_id is not None:
            raise UnsupportedParameter(f"{at}.file_id", "give the image as 'image_url'")
        raise MissingParameter(f"{at}.image_url")
    detail = part.get("detail")
    return {
        "type": "input_image",
        "detail": detail if detail in _DETAILS else "auto",
        "file_id": image.file_id,
        "image_url": image.image_url,
    }


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
