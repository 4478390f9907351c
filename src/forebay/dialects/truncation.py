"""A prompt that does not fit, made shorter by its oldest messages."""

from __future__ import annotations

import msgspec

from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.wire import encode

SHARE = 4
"""At each step a quarter of what could go is left out: a few steps are enough for any excess."""


def without_the_oldest(turn: Turn) -> Turn | None:
    """Return the turn without its oldest messages, or None when nothing more may be left out.

    Instructions and the last message of the user (with all that follows it) stay. A tool's result
    goes with the call that it answers, for engines refuse either without the other.
    """
    if not turn.is_truncatable:
        return None
    kept_first = 0
    while kept_first < len(turn.messages) and _role(turn.messages[kept_first]) == "system":
        kept_first += 1
    last_question = _last_question(turn.messages)
    size_bytes = sum(_bytes(message) for message in turn.messages[kept_first:last_question])
    cut, cut_bytes = kept_first, 0
    while cut < last_question and (cut_bytes * SHARE < size_bytes or _goes_with_a_call(turn, cut)):
        cut_bytes += _bytes(turn.messages[cut])
        cut += 1
    if cut == kept_first:
        return None
    messages = [*turn.messages[:kept_first], *turn.messages[cut:]]
    return msgspec.structs.replace(turn, messages=messages)


def _last_question(messages: list[JsonObject]) -> int:
    for index in range(len(messages) - 1, -1, -1):
        if _role(messages[index]) == "user":
            return index
    return max(0, len(messages) - 1)


def _goes_with_a_call(turn: Turn, index: int) -> bool:
    return _role(turn.messages[index]) == "tool"


def _role(message: JsonObject) -> object:
    return message.get("role")


def _bytes(message: JsonObject) -> int:
    return len(encode(message))
