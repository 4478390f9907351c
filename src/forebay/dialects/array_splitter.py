"""Cuts the elements of one array out of a JSON object that comes in pieces, holding little of it.

No more is understood here than where parts end. Whether they are JSON is told by whoever decodes
them, and every byte is in a part or was looked at, so that nothing malformed gets through.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from forebay.core.errors import BodyTooLarge, InvalidJson, InvalidParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import MAX_BRACKETS, MAX_DEPTH, TOO_MANY_BRACKETS, decode_object

_QUOTE, _COMMA, _COLON, _BACKSLASH = b'",:\\'
_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT = b"[]{}"
_OPENING = (_OPEN_LIST, _OPEN_OBJECT)
_CLOSING = (_CLOSE_LIST, _CLOSE_OBJECT)

_SPACE = re.compile(rb"[ \t\n\r]*")
# Up to the next mark of the outer object.
_PLAIN = re.compile(rb'[^"{}\[\],:]*')
# Up to the next bracket of an element, past its strings, or to a string that ends elsewhere.
_NESTED = re.compile(rb'(?:[^"{}\[\]]+|"[^"\\]*(?:\\.[^"\\]*)*")*', re.DOTALL)
# Up to the end of a string, or to a backslash whose character is in the next piece.
_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,:"{}\[\]]*')


class _Place(Enum):
    OUTSIDE = auto()  # of the array
    FIRST = auto()  # before its first element, or its end
    VALUE = auto()  # before an element, which must come
    INSIDE = auto()  # of an element
    NEXT = auto()  # behind an element


class ArraySplitter:
    """Takes the body `feed` by `feed`, and has the other fields at its `end`.

    Raises `InvalidJson` for what can be no JSON object and for an element that no body may be,
    `BodyTooLarge` for an element or other fields past their limit, `InvalidParameter` for an array
    that is there twice.
    """

    def __init__(self, name: str, *, max_element_bytes: int, max_rest_bytes: int) -> None:
        self._name = name
        self._max_element_bytes = max_element_bytes
        self._max_rest_bytes = max_rest_bytes
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._place = _Place.OUTSIDE
        self._is_in_string = False
        self._is_escaped = False
        # Outside of the array: the body without what is in it.
        self._rest = bytearray()
        self._depth = 0
        self._expects_key = False
        self._is_object = False
        self._key_at: int | None = None
        self._key = b""
        self._is_next = False  # the array may begin
        self._is_named = False
        self._array_at: int | None = None
        # Inside of an element.
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._levels = 0
        self._brackets = 0
        self._count = 0

    @property
    def has_array(self) -> bool:
        """Whether the array has begun."""
        return self._array_at is not None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the elements that end in this piece, each as it came."""
        try:
            self._text.decode(piece)
        except UnicodeDecodeError as error:
            raise InvalidJson(f"The body is not valid JSON: {error}") from None
        at = 0
        while at < len(piece):
            match self._place:
                case _Place.OUTSIDE:
                    at = self._outside(piece, at)
                case _Place.INSIDE:
                    end, is_whole = self._inside(piece, at)
                    self._take(piece[at:end])
                    at = end
                    if is_whole:
                        yield self._element()
                case _Place.FIRST | _Place.VALUE | _Place.NEXT:
                    at = self._between(piece, at)

    def before(self) -> JsonObject:
        """Return the fields that came before the array, which has begun."""
        return decode_object(bytes(self._rest[: self._array_at]) + b"]}")

    def end(self) -> JsonObject:
        """Return the object when all of it was fed, its array empty."""
        if self._place is not _Place.OUTSIDE:
            raise InvalidJson("The body is not valid JSON: it ends too early.")
        return decode_object(bytes(self._rest))

    def _outside(self, piece: bytes, at: int) -> int:
        """Keep what comes up to the next mark, or to the end of a string."""
        was_in_string = self._is_in_string
        end = self._string(piece, at) if was_in_string else _end_of(_PLAIN, piece, at) + 1
        self._keep(piece[at:end])
        if not was_in_string and end <= len(piece):
            self._mark(piece[end - 1])
        elif was_in_string and not self._is_in_string and self._key_at is not None:
            self._key = bytes(self._rest[self._key_at :])
            self._key_at = None
        return min(end, len(piece))

    def _keep(self, text: bytes) -> None:
        self._rest += text
        if len(self._rest) > self._max_rest_bytes:
            part = f"body beside '{self._name}'" if self.has_array else "request body"
            raise BodyTooLarge(self._max_rest_bytes, part=part)

    def _mark(self, mark: int) -> None:
        is_next, self._is_next = self._is_next, False
        if mark == _QUOTE:
            self._is_in_string = True
            if self._expects_key:
                self._expects_key = False
                self._key_at = len(self._rest) - 1
        elif mark == _COMMA:
            self._expects_key = self._is_object and self._depth == 1
        elif mark == _COLON:
            if self._depth == 1 and self._is_name():
                self._is_next = True
        elif is_next and mark == _OPEN_LIST:
            self._array_at = len(self._rest)
            self._place = _Place.FIRST
        elif mark in _OPENING:
            if self._depth == 0:
                self._is_object = self._expects_key = mark == _OPEN_OBJECT
            self._depth += 1
        else:
            self._depth -= 1

    def _is_name(self) -> bool:
        key, self._key = self._key, b""
        try:
            if msgspec.json.decode(key) != self._name:
                return False
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False  # as the end will tell
        if self._is_named:
            raise InvalidParameter(f"'{self._name}' is there more than once.", param=self._name)
        self._is_named = True
        return True

    def _between(self, piece: bytes, at: int) -> int:
        """Go on to an element, or past the comma or the bracket behind it."""
        at = _end_of(_SPACE, piece, at)
        if at == len(piece):
            return at
        mark = piece[at]
        if mark == _CLOSE_LIST and self._place is not _Place.VALUE:
            self._place = _Place.OUTSIDE
            self._keep(b"]")
            return at + 1
        if mark == _COMMA and self._place is _Place.NEXT:
            self._place = _Place.VALUE
            return at + 1
        if self._place is _Place.NEXT or mark in (_COMMA, _COLON, *_CLOSING):
            raise InvalidJson(
                f"The body is not valid JSON: {chr(mark)!r} cannot stand in '{self._name}' so."
            )
        self._place = _Place.INSIDE
        return at

    def _inside(self, piece: bytes, at: int) -> tuple[int, bool]:
        """Return how far the element goes in this piece, and whether that is its end."""
        is_new = not self._size_bytes
        if is_new and piece[at] == _QUOTE:
            self._is_in_string = True
            at += 1
        elif not self._is_in_string and self._levels == 0 and not (is_new and _opens(piece, at)):
            end = _end_of(_SCALAR, piece, at)
            return end, end < len(piece)
        while at < len(piece):
            if self._is_in_string:
                at = self._string(piece, at)
                if not self._is_in_string and self._levels == 0:
                    return at, True
                continue
            at = _end_of(_NESTED, piece, at)
            if at < len(piece):
                self._nest(piece[at])
                at += 1
                if self._levels == 0 and not self._is_in_string:
                    return at, True
        return at, False

    def _nest(self, mark: int) -> None:
        if mark == _QUOTE:
            self._is_in_string = True
        elif mark in _CLOSING:
            self._levels -= 1
        else:
            self._levels += 1
            self._brackets += 1
            if self._levels > MAX_DEPTH:
                raise InvalidJson("The body is nested too deeply.")
            if self._brackets > MAX_BRACKETS:
                raise InvalidJson(f"{self._name}.{self._count}: {TOO_MANY_BRACKETS}")

    def _string(self, piece: bytes, at: int) -> int:
        """Return where the string that is open goes on to in this piece: its end, if it is here."""
        end = _end_of(_STRING, piece, at + self._is_escaped)
        self._is_escaped = False
        if end == len(piece):
            return end
        if piece[end] == _BACKSLASH:
            self._is_escaped = True
        else:
            self._is_in_string = False
        return end + 1

    def _take(self, text: bytes) -> None:
        self._parts.append(text)
        self._size_bytes += len(text)
        if self._size_bytes > self._max_element_bytes:
            raise BodyTooLarge(self._max_element_bytes, part=f"entry '{self._name}.{self._count}'")

    def _element(self) -> bytes:
        element = b"".join(self._parts)
        self._parts = []
        self._size_bytes = self._brackets = 0
        self._count += 1
        self._place = _Place.NEXT
        return element


def _end_of(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    """Return where the pattern, which matches nothing as well, ends when it begins at `at`."""
    found = pattern.match(piece, at)
    assert found is not None
    return found.end()


def _opens(piece: bytes, at: int) -> bool:
    return piece[at] in _OPENING
