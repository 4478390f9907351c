"""JSON that comes in pieces, read as far as it has come.

The readers are generators: they yield whenever they need more text, and so are written as if all of
it were there. Where a piece ends never changes what is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TypeVar

import msgspec

from forebay.core.engine_errors import EngineFailed
from forebay.dialects.upstream_errors import UNREADABLE

T = TypeVar("T")

Reading = Generator[None, None, T]
"""A reading that pauses at the end of what has come, and returns a `T` in the end."""

Emit = Callable[[str], object]
"""Takes each piece of a value as soon as it has come."""

_SPACE = " \t\n\r"
_UNESCAPED = re.compile(r'[^"\\\x00-\x1f]+')
_SCALAR = re.compile(r"[^\s,:\]\[{}\"]+")
_BETWEEN_STRINGS = re.compile(r'[^"{}\[\]]+')
_ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_HEX = frozenset("0123456789abcdefABCDEF")
_LONE_SURROGATE = "\ufffd"


class JsonPieces:
    """The text that has come and is not read yet. Readings raise `EngineFailed` for no JSON."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._read_before = 0

    def add(self, text: str) -> None:
        """Take one more piece, for a reading to go on with."""
        self._read_before += self._at
        self._text = self._text[self._at :] + text
        self._at = 0

    def take(self, wanted: str) -> Reading[str]:
        """Skip space, then read one of the `wanted` characters and return it."""
        char = yield from self._next()
        if char not in wanted:
            raise self.not_wanted(" or ".join(f"'{one}'" for one in wanted))
        self._at += 1
        return char

    def word(self) -> Reading[str]:
        """Read a string and return it decoded."""
        parts: list[str] = []
        yield from self.string(parts.append)
        return "".join(parts)

    def string(self, emit: Emit) -> Reading[None]:
        """Read a string, emitting its text decoded; half a surrogate pair becomes U+FFFD."""
        yield from self.take('"')
        high = 0
        while True:
            char = yield from self._peek()
            code = (yield from self._escape()) if char == "\\" else 0
            if high and 0xDC00 <= code < 0xE000:
                emit(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00))
                high = 0
                continue
            if high:
                emit(_LONE_SURROGATE)
                high = 0
            if char == "\\":
                if 0xD800 <= code < 0xDC00:
                    high = code
                else:
                    emit(_LONE_SURROGATE if 0xDC00 <= code < 0xE000 else chr(code))
            elif char == '"':
                self._at += 1
                return
            else:
                emit(self._match(_UNESCAPED, "a string's text"))

    def value(self, emit: Emit) -> Reading[object]:
        """Read any value, emitting it as it is written, and return it decoded."""
        parts: list[str] = []

        def keep(text: str) -> None:
            parts.append(text)
            emit(text)

        first = yield from self._next()
        if first == '"':
            yield from self._raw_string(keep)
        elif first in "{[":
            yield from self._raw_nested(keep)
        else:
            keep(self._match(_SCALAR, "a value"))
            # Nothing in a number or a literal tells that it has ended.
            while (yield from self._peek()) not in _SPACE + ",]}":
                keep(self._match(_SCALAR, "a value's end"))
        try:
            value: object = msgspec.json.decode("".join(parts))
        except UNREADABLE:
            raise self.not_wanted("the end of a JSON value") from None
        return value

    def nothing_more(self) -> Reading[None]:
        """Read space for as long as text comes."""
        yield from self._next()
        raise self.not_wanted("nothing more")

    def not_wanted(self, wanted: str) -> EngineFailed:
        """Return the error of another text than the one wanted here; it quotes no output."""
        return EngineFailed(
            "the engine did not keep to the JSON schema that was to force its tool calls: "
            f"expected {wanted} at character {self._read_before + self._at}"
        )

    def _peek(self) -> Reading[str]:
        while self._at == len(self._text):
            yield
        return self._text[self._at]

    def _next(self) -> Reading[str]:
        while (char := (yield from self._peek())) in _SPACE:
            self._at += 1
        return char

    def _match(self, pattern: re.Pattern[str], wanted: str) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self.not_wanted(wanted)
        self._at = match.end()
        return match[0]

    def _escape(self) -> Reading[int]:
        self._at += 1
        char = yield from self._peek()
        if char != "u":
            if char not in _ESCAPES:
                raise self.not_wanted("an escape")
            self._at += 1
            return ord(_ESCAPES[char])
        digits = ""
        for _ in range(4):
            self._at += 1
            digit = yield from self._peek()
            if digit not in _HEX:
                raise self.not_wanted("a hexadecimal digit")
            digits += digit
        self._at += 1
        return int(digits, 16)

    def _raw_string(self, emit: Emit) -> Reading[None]:
        self._at += 1
        emit('"')
        while (char := (yield from self._peek())) != '"':
            if char == "\\":
                self._at += 1
                char = yield from self._peek()
                self._at += 1
                emit("\\" + char)
            else:
                emit(self._match(_UNESCAPED, "a string's text"))
        self._at += 1
        emit('"')

    def _raw_nested(self, emit: Emit) -> Reading[None]:
        depth = 0
        while True:
            char = yield from self._peek()
            if char == '"':
                yield from self._raw_string(emit)
            elif char in "{}[]":
                self._at += 1
                emit(char)
                depth += 1 if char in "{[" else -1
                if depth == 0:
                    return
            else:
                emit(self._match(_BETWEEN_STRINGS, "a value"))
