"""Streams made of a final object: for who repeats a streamed call whose answer is kept.

They have every event by which OpenAI's clients put an answer together, and each text in one piece.
"""

from __future__ import annotations

from forebay.dialects.responses_items import Events
from forebay.dialects.responses_output import IN_PROGRESS
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import DONE, data

# What a response has only once it has ended, and an item only once it is done.
_NOT_YET: JsonObject = {
    "status": IN_PROGRESS, "output": [], "completed_at": None, "error": None,
    "incomplete_details": None, "usage": None,
}  # fmt: skip
_EMPTY: dict[str, JsonObject] = {
    "message": {"content": []},
    "reasoning": {"content": [], "encrypted_content": None},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
}
# The field with the text of a part or of a call, what its events are named, and what ends it.
_TEXTS = {
    "output_text": ("text", "output_text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("text", "reasoning_text"),
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
}
_ENDS = {"completed": "response.completed", "incomplete": "response.incomplete"}


def replayed_response(response: JsonObject) -> bytes:
    """Return the events of a response that has ended."""
    events = Events(str(response["id"]))
    begun: JsonObject = {"response": response | _NOT_YET}
    out = [events.event(kind, begun) for kind in ("response.created", "response.in_progress")]
    for index, item in enumerate(_objects(response["output"])):
        place: JsonObject = {"output_index": index}
        opened = item | {"status": IN_PROGRESS} | _EMPTY.get(str(item["type"]), {})
        out.append(events.event("response.output_item.added", place | {"item": opened}))
        out += _contents(events, item, place | {"item_id": item["id"]})
        out.append(events.event("response.output_item.done", place | {"item": item}))
    last = _ENDS.get(str(response["status"]), "response.failed")
    return b"".join([*out, events.event(last, {"response": response}), DONE])


def replayed_chat(chat: JsonObject, *, is_usage_wanted: bool) -> bytes:
    """Return the chunks of a completion; the last one has its usage if that is wanted."""
    head = {name: chat[name] for name in ("id", "created", "model", "service_tier")}
    head["object"] = "chat.completion.chunk"
    if is_usage_wanted:
        head["usage"] = None
    chunks: list[JsonObject] = []
    for choice in _objects(chat["choices"]):
        told = {"index": choice["index"], "delta": _delta(choice["message"])}
        told |= {"logprobs": choice["logprobs"], "finish_reason": None}
        end = {**told, "delta": {}, "logprobs": None, "finish_reason": choice["finish_reason"]}
        chunks += [{**head, "choices": [told]}, {**head, "choices": [end]}]
    if is_usage_wanted:
        chunks.append({**head, "choices": [], "usage": chat["usage"]})
    if "forebay" in chat:
        chunks[-1]["forebay"] = chat["forebay"]
    return b"".join([data(chunk) for chunk in chunks]) + DONE


def _contents(events: Events, item: JsonObject, place: JsonObject) -> list[bytes]:
    """Return the events of what is in an item: its parts, or its text."""
    if item["type"] not in ("message", "reasoning"):
        return _text(events, item, place)
    out: list[bytes] = []
    for index, part in enumerate(_objects(item["content"])):
        at = place | {"content_index": index}
        empty = part | {name: "" for name in ("text", "refusal") if name in part}
        if "logprobs" in part:
            empty["logprobs"] = []
        out.append(events.event("response.content_part.added", at | {"part": empty}))
        out += _text(events, part, at)
        out.append(events.event("response.content_part.done", at | {"part": part}))
    return out


def _text(events: Events, told: JsonObject, place: JsonObject) -> list[bytes]:
    """Return the events that bring the text of a part or of a call; others bring none."""
    if told["type"] not in _TEXTS:
        return []
    name, kind = _TEXTS[str(told["type"])]
    likely = {"logprobs": told["logprobs"]} if "logprobs" in told else {}
    whole = {name: told[name], **likely}
    if told["type"] == "function_call":
        whole["name"] = told["name"]
    return [
        events.event(f"response.{kind}.delta", place | {"delta": told[name], **likely}),
        events.event(f"response.{kind}.done", place | whole),
    ]


def _delta(message: object) -> JsonObject:
    """Return a message as the delta that brings all of it."""
    assert isinstance(message, dict)
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls", []))]
    return message | ({"tool_calls": calls} if calls else {})


def _objects(value: object) -> list[JsonObject]:
    assert isinstance(value, list)
    return value
