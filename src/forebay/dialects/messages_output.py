"""The message that answers a call of Anthropic's Messages, and its parts."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from forebay.core.money import Usage
from forebay.core.windows import Band
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.turn import Answer, JsonObject, OutputKind, Segment, ToolCall

SIGNATURE = "forebay"
"""The signature of thinking blocks: clients want one, and nothing here depends on it."""


class Thinking(StrEnum):
    """What a caller sees of the model's thinking."""

    HIDDEN = "hidden"  # no block at all: clients that did not ask for thinking expect text first
    OMITTED = "omitted"  # a block without its text
    SHOWN = "shown"


def thinking_wanted(body: JsonObject) -> Thinking:
    """Return what the body's `thinking` lets the caller see."""
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") == "disabled":
        return Thinking.HIDDEN
    return Thinking.OMITTED if thinking.get("display") == "omitted" else Thinking.SHOWN


def message_object(call: Call, outcome: Outcome) -> JsonObject:
    """Return the whole `message` object."""
    answer = outcome.answer
    message = empty_message(call)
    message["content"] = _content(call, answer)
    message |= ending(call, answer)
    message["usage"] = usage_object(call, answer.usage or Usage())
    if outcome.extension:
        message["forebay"] = outcome.extension
    return message


def empty_message(call: Call) -> JsonObject:
    """Return the message as it begins, with nothing counted yet."""
    return {
        "id": call.id,
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_object(call, Usage()),
    }


def ending(call: Call, answer: Answer) -> JsonObject:
    """Return why the answer ended; the stop sequence is known from some engines only."""
    sequences = call.body.get("stop_sequences")
    if answer.refusal_parts or answer.finish_reason == "content_filter":
        reason = "refusal"
    elif answer.finish_reason == "length":
        reason = "max_tokens"
    elif answer.tool_calls:
        # Engines say `stop` after a call that was forced.
        reason = "tool_use"
    elif isinstance(sequences, list) and answer.stop_sequence in sequences:
        return {"stop_reason": "stop_sequence", "stop_sequence": answer.stop_sequence}
    else:
        reason = "end_turn"
    return {"stop_reason": reason, "stop_sequence": None}


def usage_object(call: Call, usage: Usage) -> JsonObject:
    """Return usage in Anthropic's words, whose input tokens are those that no cache had."""
    return {
        "input_tokens": max(0, usage.input_tokens - usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "batch" if call.band is Band.BULK else "standard",
    }


def thinking_block(thinking: str, signature: str) -> JsonObject:
    """Return a thinking block."""
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def text_block(text: str) -> JsonObject:
    """Return a text block."""
    return {"type": "text", "text": text, "citations": None}


def tool_use_block(call: Call, index: int, tool_call: ToolCall, arguments: object) -> JsonObject:
    """Return a call of a tool; one to which the engine gave no id gets its own from its place."""
    return {
        "type": "tool_use",
        "id": tool_call.id or f"toolu_{call.id.partition('_')[2] or call.id}{index}",
        "name": tool_call.name,
        "input": arguments,
    }


def _content(call: Call, answer: Answer) -> list[JsonObject]:
    thinking = thinking_wanted(call.body)
    blocks: list[JsonObject] = []
    texts: list[str] = []
    for segment in answer.segments():
        # Hidden thinking leaves no seam in the text around it.
        if segment.kind is OutputKind.REASONING and thinking is Thinking.HIDDEN:
            continue
        if segment.kind in (OutputKind.TEXT, OutputKind.REFUSAL):
            texts.append(segment.text)
            continue
        _flush(blocks, texts)
        blocks.append(_block(call, len(blocks), segment, thinking))
    _flush(blocks, texts)
    return blocks


def _flush(blocks: list[JsonObject], texts: list[str]) -> None:
    if texts:
        blocks.append(text_block("".join(texts)))
        texts.clear()


def _block(call: Call, index: int, segment: Segment, thinking: Thinking) -> JsonObject:
    if segment.call is None:
        return thinking_block(segment.text if thinking is Thinking.SHOWN else "", SIGNATURE)
    return tool_use_block(call, index, segment.call, _arguments(segment.call.arguments))


def _arguments(text: str) -> JsonObject:
    """Return a call's arguments; text that is not a JSON object is kept under its own key."""
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = None
    return value if isinstance(value, dict) else {"_arguments": text}
