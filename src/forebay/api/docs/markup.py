"""HTML put together from parts; whatever is not `Markup` is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import NewType

Markup = NewType("Markup", str)

_CODE = re.compile(r"`([^`]+)`")
_EMPHASIS = re.compile(r"\*([^*\s][^*]*)\*")


def tag(name: str, *parts: Markup, **attributes: str) -> Markup:
    """Return an element; the attribute `of_class` stands for `class`."""
    said = "".join(
        [
            f' {key.replace("of_", "").replace("_", "-")}="{escape(value)}"'
            for key, value in attributes.items()
        ]
    )
    return Markup(f"<{name}{said}>{''.join(parts)}</{name}>")


def joined(*parts: Markup) -> Markup:
    """Return the parts one after the other."""
    return Markup("".join(parts))


def text(words: str) -> Markup:
    """Return plain words."""
    return Markup(escape(words, quote=False))


def code(words: str) -> Markup:
    """Return words that are meant to the letter."""
    return tag("code", text(words))


def prose(words: str) -> Markup:
    """Return words in which `this` is code and *this* has weight."""
    escaped = _CODE.sub(r"<code>\1</code>", escape(words, quote=False))
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", escaped))


def paragraphs(words: str) -> Markup:
    """Return prose whose paragraphs are parted by an empty line."""
    return joined(*[tag("p", prose(part)) for part in words.strip().split("\n\n") if part])


def table(head: tuple[str, ...], rows: Sequence[tuple[Markup, ...]]) -> Markup:
    """Return a table, or nothing when there are no rows."""
    if not rows:
        return Markup("")
    heading = tag("tr", *[tag("th", text(word)) for word in head])
    body = [tag("tr", *[tag("td", cell) for cell in row]) for row in rows]
    whole = tag("table", tag("thead", heading), tag("tbody", *body))
    return tag("div", whole, of_class="wide")
