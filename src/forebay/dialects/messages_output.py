"""The message that answers a call of Anthropic's Messages, and its parts."""

from __future__ import annotations

import msgspec

from forebay.core.money import Usage
from forebay.core.windows import Band
from forebay.dialects.answer import Answer, OutputKind, ToolCall
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.messages_thinking import Thinking, thinking_block, thinking_shown
from forebay.dialects.turn import JsonObject


def message_object(call: Call, outcome: Outcome, cipher: Cipher | None) -> JsonObject:
    """Return the whole `message` object."""
    answer = outcome.answer
    message = empty_message(call)
    message["content"] = _content(call, answer, cipher)
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


def arguments_read(text: str) -> JsonObject | None:
    """Return a call's arguments; None while they are no whole JSON object."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _content(call: Call, answer: Answer, cipher: Cipher | None) -> list[JsonObject]:
    thinking = thinking_shown(call.body)
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
        if segment.call is None:
            blocks.append(thinking_block(segment.text, thinking, cipher))
        else:
            blocks.append(_tool_use(call, len(blocks), segment.call))
    _flush(blocks, texts)
    return blocks


def _flush(blocks: list[JsonObject], texts: list[str]) -> None:
    if texts:
        blocks.append(text_block("".join(texts)))
        texts.clear()


def _tool_use(call: Call, index: int, tool_call: ToolCall) -> JsonObject:
    """Return a call of a tool; arguments that are no JSON object are kept under their own key."""
    text = tool_call.arguments
    arguments = arguments_read(text) if text else {}
    if arguments is None:
        arguments = {"_arguments": text}
    return tool_use_block(call, index, tool_call, arguments)
