"""JSON and server-sent events as bytes, and the reading of a body, whose errors name the field."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from forebay.core.errors import (
    InvalidJson,
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
)
from forebay.dialects.turn import JsonObject

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()

encode = _encoder.encode
"""Encode a JSON value as UTF-8 bytes."""

MAX_DEPTH = 400
"""How deep a body may be nested: far less than what can be encoded again on any stack of ours."""

MAX_BRACKETS = 500_000
"""How many arrays and objects a body may have: each takes some microseconds and 75 to 250 bytes.

So many stop the event loop for a second at most; the ten million that fit into 32 MB, for many.
"""

TOO_MANY_BRACKETS = f"The body has more than {MAX_BRACKETS} arrays and objects."

_NO_MARKS = bytes(set(range(256)) - set(b'"[{'))
_STRING = re.compile(rb'"[^"]*"?')

DONE = b"data: [DONE]\n\n"


def decode_object(body: bytes) -> JsonObject:
    """Return the body as a JSON object; raises `InvalidJson` for anything else.

    That is also one with more than `MAX_BRACKETS`, or deeper than `MAX_DEPTH`.
    """
    if has_too_many_brackets(body):
        raise InvalidJson(TOO_MANY_BRACKETS)
    value = decode_kept(body)
    if is_too_deep(value, body):
        raise InvalidJson("The body is nested too deeply.")
    return value


def decode_kept(body: bytes) -> JsonObject:
    """Return as a JSON object what is our own, or was let in before, however large it is.

    Raises `InvalidJson` for anything else.
    """
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    if not isinstance(value, dict):
        raise InvalidJson("The body must be a JSON object.")
    return value


def has_too_many_brackets(encoded: bytes) -> bool:
    """Tell whether JSON has more than `MAX_BRACKETS` arrays and objects, before it is decoded.

    Those in texts do not count. Of what is no JSON, it tells this of the part that is.
    """
    # Nearly every body is cleared by its length or by the count alone.
    if len(encoded) <= MAX_BRACKETS or _openings(encoded) <= MAX_BRACKETS:
        return False
    marks = encoded.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _NO_MARKS)
    # Without pairs of quotes side by side, there is a bracket between any two: few are looked at.
    outside = _STRING.split(marks.replace(b'""', b""), maxsplit=MAX_BRACKETS + 1)
    return sum(map(len, outside)) > MAX_BRACKETS


def is_too_deep(value: JsonObject, encoded: bytes) -> bool:
    """Tell whether an object, which came as `encoded`, is nested deeper than `MAX_DEPTH`."""
    # Nearly every body is cleared by the count alone.
    if _openings(encoded) <= MAX_DEPTH:
        return False
    level: list[JsonObject | list[object]] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _openings(encoded: bytes) -> int:
    return encoded.count(b"{") + encoded.count(b"[")


def event(name: str, payload: object) -> bytes:
    """Return one named server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encoder.encode(payload))


def data(payload: object) -> bytes:
    """Return one unnamed server-sent event."""
    return b"data: %s\n\n" % _encoder.encode(payload)


def payloads(events: bytes) -> list[bytes]:
    """Return the JSON of each of these server-sent events of ours, without `[DONE]`."""
    found = []
    for event_text in events.split(b"\n\n"):
        _, is_data, payload = event_text.partition(b"data: ")
        if is_data and payload != b"[DONE]":
            found.append(payload)
    return found


def read(body: object, shape: type[T], *, at: str = "") -> T:
    """Return the body as `shape`, ignoring fields that the shape does not name.

    Raises `MissingParameter`, `InvalidType` or `InvalidParameter`, with the path of the field as
    OpenAI writes it (`messages[0].role`); `at` is the path of `body` itself.
    """
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise _explained(str(error), at) from None


_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")


def _explained(message: str, at: str) -> RequestRejected:
    found = _PATH.search(message)
    path = (at + (found["path"] if found else "")).lstrip(".")
    reason = _PATH.sub("", message)
    missing = _MISSING.match(reason)
    if missing:
        return MissingParameter(f"{path}.{missing['name']}" if path else missing["name"])
    reason = reason[:1].lower() + reason[1:]
    # A value of the right type that breaks a limit is explained without "got".
    if ", got " in reason:
        return InvalidType(f"Invalid type for '{path}': {reason}.", param=path)
    return InvalidParameter(f"Invalid value for '{path}': {reason}.", param=path)
