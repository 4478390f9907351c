"""What the tests of streamed messages share: their calls, and two ways of reading them."""

from __future__ import annotations

from typing import Any

from anthropic.types import Message

from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.turn import Delta
from tests.dialects.calls import Event, call_of, events, streamed
from tests.dialects.messages_calls import DIALECT, THINKING, body
from tests.dialects.sdks import anthropic_reading

CALL = call_of(DIALECT, body(stream=True))
THINKING_CALL = call_of(DIALECT, body(stream=True, **THINKING))


def stream(deltas: list[Delta], call: Call = CALL, outcome: Outcome | None = None) -> list[Event]:
    """Return the events of a streamed message."""
    return events(streamed(DIALECT, call, deltas, outcome))


def helped(deltas: list[Delta], call: Call = CALL) -> Message:
    """Return the message that the official helper makes of the stream."""
    with (
        anthropic_reading(streamed(DIALECT, call, deltas)) as client,
        client.messages.stream(
            model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        ) as read,
    ):
        return read.get_final_message()


def plain(message: Message) -> dict[str, Any]:
    """Return the message without what the helper adds to it."""
    return message.model_dump(
        exclude_none=True, exclude={"content": {"__all__": {"parsed_output"}}}
    )
