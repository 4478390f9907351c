"""Custom tools, whose input is free text, by way of functions: engines know nothing else.

A custom tool becomes a function with one string, `input`; what the model writes there is the call's
input. A grammar that the caller gives for the input goes into the description: no engine can be
held to it inside a function's arguments.
"""

from __future__ import annotations

import re

import msgspec

from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read

_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
_BEGIN = re.compile(r'\{\s*"input"\s*:\s*"')
_PLAIN = re.compile(r'[^"\\]+')
_SHORT_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class _CustomTool(msgspec.Struct):
    name: str
    description: str | None = None
    format: JsonObject | None = None


def as_function(tool: JsonObject, *, at: str) -> JsonObject:
    """Return a custom tool as a function of chat; raises `RequestRejected` with the field."""
    shape = read(tool, _CustomTool, at=at)
    described = [shape.description] if shape.description else []
    if shape.format is not None and shape.format.get("type") == "grammar":
        syntax, grammar = shape.format.get("syntax"), shape.format.get("definition")
        described.append(f"The input must follow this {syntax} grammar:\n{grammar}")
    function: JsonObject = {"name": shape.name, "parameters": _PARAMETERS}
    if described:
        function["description"] = "\n\n".join(described)
    return {"type": "function", "function": function}


def arguments_of(text: str) -> str:
    """Return a function's arguments for this input."""
    return encode({"input": text}).decode()


def input_of(arguments: str) -> str:
    """Return the input that a function's arguments hold; what is no such object is input itself."""
    reader = InputReader()
    return reader.feed(arguments) + reader.end()


class InputReader:
    """Reads the input out of a function's arguments as they come, in any pieces."""

    def __init__(self) -> None:
        self._unread = ""
        self._has_begun = False
        self._has_ended = False

    def feed(self, piece: str) -> str:
        """Return what this piece adds to the input."""
        if self._has_ended:
            return ""
        self._unread += piece
        if not self._has_begun:
            begin = _BEGIN.match(self._unread)
            if begin is None:
                return ""
            self._has_begun = True
            self._unread = self._unread[begin.end() :]
        return self._decode()

    def end(self) -> str:
        """Return the rest: everything, when these were not the arguments of a custom tool."""
        rest, self._unread = self._unread, ""
        return "" if self._has_begun else rest

    def _decode(self) -> str:
        decoded: list[str] = []
        at, text = 0, self._unread
        while at < len(text):
            plain = _PLAIN.match(text, at)
            if plain is not None:
                decoded.append(plain[0])
                at = plain.end()
                continue
            if text[at] == '"':
                self._has_ended = True
                break
            taken, character = _escape(text, at)
            if not taken:
                break
            decoded.append(character)
            at += taken
        self._unread = text[at:]
        return "".join(decoded)


def _escape(text: str, at: int) -> tuple[int, str]:
    """Return how long the escape at `at` is, and its character; 0 while it is not whole."""
    kind = text[at + 1 : at + 2]
    if not kind:
        return 0, ""
    if kind != "u":
        return 2, _SHORT_ESCAPES.get(kind, kind)
    first = _unit(text, at)
    if first is None:
        return 0, ""
    if not 0xD800 <= first < 0xDC00:
        return 6, chr(first) if not 0xDC00 <= first < 0xE000 else "\ufffd"
    following = text[at + 6 : at + 8]
    if following != "\\u"[: len(following)]:
        return 6, "\ufffd"
    second = _unit(text, at + 6)
    if second is None:
        return 0, ""
    if not 0xDC00 <= second < 0xE000:
        return 6, "\ufffd"
    return 12, chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))


def _unit(text: str, at: int) -> int | None:
    """Return the number of a `\\uXXXX` that is whole; a broken one counts as unknown."""
    digits = text[at + 2 : at + 6]
    if len(digits) < 4:
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return 0xFFFD
