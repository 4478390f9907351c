"""The output items of a response.

The ids of items follow from the response's id and the item's place, so a stream and every later
rendering of the same answer agree to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from forebay.dialects.answer import Answer, OutputKind, Segment, ToolCall
from forebay.dialects.cipher import Cipher
from forebay.dialects.custom_tools import input_of
from forebay.dialects.dialect import Call
from forebay.dialects.tool_names import ToolName, tool_names
from forebay.dialects.turn import JsonObject

COMPLETED = "completed"
INCOMPLETE = "incomplete"
IN_PROGRESS = "in_progress"


def item_id(prefix: str, response_id: str, index: int) -> str:
    """Return the id of the item at `index` of the response's output."""
    return f"{prefix}{response_id.partition('_')[2] or response_id}_{index}"


def reasoning_item(
    response_id: str, index: int, text: str | None, *, status: str, cipher: Cipher | None = None
) -> JsonObject:
    """Return a reasoning item; a text of None is one that has not begun.

    With a `cipher` its text stands there encrypted, too, for callers that keep it for us.
    """
    content = [] if text is None else [reasoning_part(text)]
    sealed = None if cipher is None or text is None else cipher.seal(text)
    return {
        "id": item_id("rs_", response_id, index),
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": content,
        "encrypted_content": sealed,
    }


def message_item(
    response_id: str, index: int, content: list[JsonObject], *, status: str
) -> JsonObject:
    """Return the assistant's message."""
    return {
        "id": item_id("msg_", response_id, index),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def tool_call_item(
    response_id: str, index: int, call: ToolCall, *, status: str, named: ToolName | None
) -> JsonObject:
    """Return a call of a function or of a custom tool.

    `named` is what its caller calls it. One to which the engine gave no id gets its own from its
    place.
    """
    named = named or ToolName(name=call.name)
    call_id = call.id or item_id("call_", response_id, index)
    if named.is_custom:
        item: JsonObject = {
            "id": item_id("ctc_", response_id, index),
            "type": "custom_tool_call",
            "status": status,
            "call_id": call_id,
            "name": named.name,
            "input": input_of(call.arguments),
        }
    else:
        item = {
            "id": item_id("fc_", response_id, index),
            "type": "function_call",
            "status": status,
            "call_id": call_id,
            "name": named.name,
            "arguments": call.arguments,
        }
    if named.namespace is not None:
        item["namespace"] = named.namespace
    return item


def reasoning_part(text: str) -> JsonObject:
    """Return the content part of a reasoning item."""
    return {"type": "reasoning_text", "text": text}


def text_part(text: str, logprobs: list[JsonObject]) -> JsonObject:
    """Return a text part of a message; the logprobs are taken as `response_logprobs` gave them."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(text: str) -> JsonObject:
    """Return a refusal part of a message."""
    return {"type": "refusal", "refusal": text}


def response_logprobs(tokens: list[JsonObject], *, likeliest: int) -> list[JsonObject]:
    """Return chat's logprobs with `bytes` everywhere: Responses does not allow null there.

    With each token there are so many of the likeliest ones.
    """
    return [
        _with_bytes(token)
        | {
            "top_logprobs": [
                _with_bytes(top) for top in _objects(token.get("top_logprobs"))[:likeliest]
            ]
        }
        for token in tokens
    ]


def wanted_likeliest(call: Call) -> int:
    """Return how many of the likeliest tokens the caller wants with each token."""
    wanted = call.body.get("top_logprobs")
    return wanted if isinstance(wanted, int) else 0


def reasoning_cipher(call: Call, cipher: Cipher | None) -> Cipher | None:
    """Return the cipher if the caller wants the reasoning back encrypted."""
    include = call.body.get("include")
    is_wanted = isinstance(include, list) and "reasoning.encrypted_content" in include
    return cipher if is_wanted else None


def output_items(
    call: Call,
    answer: Answer,
    *,
    last_status: str,
    first_index: int = 0,
    cipher: Cipher | None = None,
) -> list[JsonObject]:
    """Return the items of an answer; only the last one can be other than completed.

    Their places count from `first_index`.
    """
    groups: list[list[Segment]] = []
    for segment in answer.segments():
        if groups and _is_message(segment) and _is_message(groups[-1][0]):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    rendering = _Rendering(
        call.id,
        tool_names(call.body.get("tools")),
        reasoning_cipher(call, cipher),
        wanted_likeliest(call),
        keeps_call_ids(first_index),
    )
    last = first_index + len(groups) - 1
    return [
        rendering.item(index, group, status=last_status if index == last else COMPLETED)
        for index, group in enumerate(groups, first_index)
    ]


def keeps_call_ids(first_index: int) -> bool:
    """Tell whether tool calls keep the engine's ids where an attempt's items begin there.

    Behind those of an earlier attempt they get ids from their places: engines give an id again, and
    a stream that has one twice is refused by OpenAI's client.
    """
    return first_index == 0


@dataclass(frozen=True, slots=True)
class _Rendering:
    """What the items of one response have in common."""

    response_id: str
    names: dict[str, ToolName]
    cipher: Cipher | None
    likeliest: int
    keeps_call_ids: bool

    def item(self, index: int, group: list[Segment], *, status: str) -> JsonObject:
        first, response_id = group[0], self.response_id
        if first.call is not None:
            called = first.call if self.keeps_call_ids else replace(first.call, id="")
            named = self.names.get(called.name)
            return tool_call_item(response_id, index, called, status=status, named=named)
        if first.kind is OutputKind.REASONING:
            return reasoning_item(response_id, index, first.text, status=status, cipher=self.cipher)
        content = [
            refusal_part(segment.text)
            if segment.kind is OutputKind.REFUSAL
            else text_part(
                segment.text, response_logprobs(segment.logprobs, likeliest=self.likeliest)
            )
            for segment in group
        ]
        return message_item(response_id, index, content, status=status)


def _is_message(segment: Segment) -> bool:
    return segment.kind in (OutputKind.TEXT, OutputKind.REFUSAL)


def _with_bytes(token: JsonObject) -> JsonObject:
    text = token.get("token")
    given = token.get("bytes")
    if given is None and isinstance(text, str):
        given = list(text.encode())
    return {"token": text, "logprob": token.get("logprob"), "bytes": given}


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
