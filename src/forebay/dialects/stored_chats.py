"""Stored chat completions as OpenAI's API shows them, and the messages they were asked with."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_kept

# What a message may have beside its content, by its role.
_SHOWN = ("refusal", "tool_calls", "tool_call_id", "function_call", "reasoning_content")


def stored_chat(answer: bytes, metadata: Mapping[str, str]) -> JsonObject:
    """Return the `chat.completion` object with its metadata, which may have changed since."""
    return {**decode_kept(answer), "metadata": dict(metadata)}


def asked_messages(chat_id: str, body: bytes) -> list[JsonObject]:
    """Return the messages of the request, oldest first, each with an id made from its place."""
    messages = decode_kept(body).get("messages")
    assert isinstance(messages, list), "a chat was parsed before it was stored"
    return [_message(f"{chat_id}-{index}", message) for index, message in enumerate(messages)]


def _message(message_id: str, message: JsonObject) -> JsonObject:
    content = message.get("content")
    is_text = isinstance(content, str)
    return {
        "id": message_id,
        "role": message.get("role"),
        "content": content if is_text else None,
        "content_parts": None if is_text else content,
        "name": message.get("name"),
    } | {name: message[name] for name in _SHOWN if name in message}
