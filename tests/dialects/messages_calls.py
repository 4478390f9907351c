"""What the tests of Messages share: bodies of calls, and the messages that answer them."""

from __future__ import annotations

from typing import Any

from anthropic.types import Message

from forebay.dialects.messages import MessagesDialect
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.secret import TextCipher
from tests.dialects.calls import call_of, outcome_of
from tests.dialects.sdks import anthropic_reading

DIALECT = MessagesDialect()
CIPHER = TextCipher(b"a secret")
SEALING = MessagesDialect(CIPHER)
TOOL: JsonObject = {"name": "f", "input_schema": {"type": "object"}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "t1", "content": "42"}
THINKING: JsonObject = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
OMITTED: JsonObject = {"thinking": {"type": "adaptive", "display": "omitted"}}


def body(**others: object) -> JsonObject:
    """Return a plain body with these fields besides."""
    return {
        "model": "m",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "hi"}],
        **others,
    }


def user(*blocks: object) -> JsonObject:
    """Return a message of the user, made of these blocks."""
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> JsonObject:
    """Return a message of the assistant, made of these blocks."""
    return {"role": "assistant", "content": list(blocks)}


def messages(
    *given: object, dialect: MessagesDialect = DIALECT, **others: object
) -> list[JsonObject]:
    """Return the chat messages that these messages become."""
    return dialect.parse(body(messages=list(given), **others))[0].messages


def final(deltas: list[Delta], given: JsonObject | None = None, **others: Any) -> dict[str, Any]:
    """Return the message object that ends the call."""
    return DIALECT.final(call_of(DIALECT, given or body()), outcome_of(deltas, **others))


def read(deltas: list[Delta], given: JsonObject | None = None) -> Message:
    """Return the message object as the official SDK reads it."""
    with anthropic_reading(final(deltas, given)) as client:
        return client.messages.create(
            model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        )
