"""String patterns that a grammar can be made of without breaking the JSON around the string.

llama.cpp matches a `pattern` against the characters between the quotes as JSON writes them: where
`.` or `[^@]` can match a quote, the string ends in the middle of the pattern and the answer is no
JSON any more. It knows `^...$` only, and skips a pattern with `\\d`, `\\w` or `\\s`; a lazy
quantifier it takes for an optional one. So a pattern is said in other words: anchored, with classes
spelled out, and matching no character that JSON escapes. What it matches, the given one matches.
"""

from __future__ import annotations

Range = tuple[int, int]

# The characters that JSON escapes.
_ESCAPED: tuple[Range, ...] = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
_SURROGATES: Range = (0xD800, 0xDFFF)
_DIGIT: tuple[Range, ...] = ((0x30, 0x39),)
_WORD: tuple[Range, ...] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: tuple[Range, ...] = ((0x20, 0x20), (0xA0, 0xA0))
_SETS = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_SPECIAL = frozenset("\\^$.|?*+()[]{}")
_SPECIAL_IN_CLASS = frozenset("\\-[]")
_BEFORE = (
    '[^\\x00-\\x1f"\\\\]{0,200}'  # with an end, or a weak model never comes to what it must say
)
_AFTER = '[^\\x00-\\x1f"\\\\]*'


class _NotSupported(Exception):
    """The pattern has something in it that has no other words."""


def safe_pattern(pattern: str) -> str | None:
    """Return the pattern in words that every grammar takes, None where there are none.

    Lookarounds, back references, word boundaries, flags and properties have none; neither has a
    pattern that demands a character that JSON escapes.
    """
    try:
        return _Pattern(pattern).said()
    except _NotSupported:
        return None


class _Pattern:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def said(self) -> str:
        is_anchored = self._skip("^")
        alternatives = self._alternatives()
        is_closed = self._skip("$")
        if self._at < len(self._text):
            raise _NotSupported
        if len(alternatives) > 1 and (is_anchored or is_closed):
            raise _NotSupported  # the anchor belongs to one alternative
        said = alternatives[0] if len(alternatives) == 1 else f"({'|'.join(alternatives)})"
        return f"^{'' if is_anchored else _BEFORE}{said}{'' if is_closed else _AFTER}$"

    def _alternatives(self) -> list[str]:
        alternatives = [self._sequence()]
        while self._skip("|"):
            alternatives.append(self._sequence())
        return alternatives

    def _sequence(self) -> str:
        parts = []
        while self._at < len(self._text) and self._text[self._at] not in "|)$":
            atom = self._atom()
            parts.append(atom + self._quantifier())
        return "".join(parts)

    def _atom(self) -> str:
        char = self._next()
        match char:
            case "(":
                if self._skip("?") and not self._skip(":"):
                    raise _NotSupported
                said = f"({'|'.join(self._alternatives())})"
                if not self._skip(")"):
                    raise _NotSupported
                return said
            case "[":
                return self._class()
            case ".":
                return _said_class((), is_negated=True)
            case "\\":
                ranges, is_negated = self._escape()
                return _said_class(ranges, is_negated=is_negated)
            case "^" | "*" | "+" | "?" | "{" | "}" | "]":
                raise _NotSupported
            case _:
                return _said_class(((ord(char), ord(char)),), is_negated=False)

    def _quantifier(self) -> str:
        said = ""
        if self._peek() in ("*", "+", "?"):
            said = self._next()
        elif self._skip("{"):
            end = self._text.find("}", self._at)
            bounds = self._text[self._at : end].split(",")
            if end < 0 or len(bounds) > 2 or not _is_number(bounds[0]):
                raise _NotSupported
            if bounds[-1] and not _is_number(bounds[-1]):
                raise _NotSupported
            said = f"{{{self._text[self._at : end]}}}"
            self._at = end + 1
        if said:
            self._skip("?")  # lazy: it matches the same strings
            if self._peek() in ("*", "+", "?", "{"):
                raise _NotSupported
        return said

    def _class(self) -> str:
        is_negated = self._skip("^")
        ranges: list[Range] = []
        while not self._skip("]"):
            low = self._class_member()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._skip("-")
                high = self._class_member()
                if not (_is_one(low) and _is_one(high) and low <= high):
                    raise _NotSupported
                low = ((low[0][0], high[0][0]),)
            ranges.extend(low)
        if not ranges:
            raise _NotSupported
        return _said_class(tuple(ranges), is_negated=is_negated)

    def _class_member(self) -> tuple[Range, ...]:
        char = self._next()
        if char != "\\":
            return ((ord(char), ord(char)),)
        ranges, is_negated = self._escape()
        if is_negated:
            raise _NotSupported
        return ranges

    def _escape(self) -> tuple[tuple[Range, ...], bool]:
        char = self._next()
        if char.lower() in _SETS:
            return _SETS[char.lower()], char.isupper()
        if char in ("x", "u"):
            length = 2 if char == "x" else 4
            digits = self._text[self._at : self._at + length]
            self._at += length
            try:
                return ((int(digits, 16), int(digits, 16)),), False
            except ValueError:
                raise _NotSupported from None
        if char.isalnum():  # tabs and line feeds, which JSON escapes, and what has no other words
            raise _NotSupported
        return ((ord(char), ord(char)),), False

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise _NotSupported
        self._at += 1
        return char

    def _skip(self, char: str) -> bool:
        is_there = self._peek() == char
        self._at += is_there
        return is_there


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_one(ranges: tuple[Range, ...]) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _said_class(ranges: tuple[Range, ...], *, is_negated: bool) -> str:
    """Return the allowed characters of a set, as one character or as a class."""
    if is_negated:
        return f"[^{''.join(map(_said_range, (*ranges, *_ESCAPED)))}]"
    left = list(ranges)
    for first, last in (*_ESCAPED, _SURROGATES):
        left = [
            part
            for low, high in left
            for part in ((low, min(high, first - 1)), (max(low, last + 1), high))
            if part[0] <= part[1]
        ]
    if not left:
        raise _NotSupported
    if _is_one(tuple(left)):
        return _said(left[0][0], _SPECIAL)
    return f"[{''.join(map(_said_range, left))}]"


def _said_range(ends: Range) -> str:
    # llama.cpp skips a pattern with an escaped caret in a class.
    low, high = ("\\x5e" if code == 0x5E else _said(code, _SPECIAL_IN_CLASS) for code in ends)
    return low if low == high else f"{low}-{high}"


def _said(code: int, special: frozenset[str]) -> str:
    if code < 0x20:
        return f"\\x{code:02x}"
    char = chr(code)
    return f"\\{char}" if char in special else char
