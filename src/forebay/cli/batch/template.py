"""A prompt with fields: `Summarise: {text}`. `{{` and `}}` are braces; there is nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from forebay.cli.batch.endings import CommandRefused

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


class TemplateWrong(CommandRefused):
    """A template has a brace that belongs to nothing."""

    code = "template_wrong"


class UnknownField(CommandRefused):
    """A template names a field that a row does not have."""

    code = "unknown_field"

    def __init__(self, name: str, row: int, there: Mapping[str, object]) -> None:
        names = ", ".join(there) or "no fields at all"
        super().__init__(f"row {row} has no field {name!r} for the prompt; it has {names}")
        self.name = name
        self.row = row


@dataclass(frozen=True, slots=True)
class _Field:
    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields; made by `read_template`."""

    pieces: tuple[str | _Field, ...]

    def filled(self, fields: Mapping[str, object], *, row: int) -> str:
        """Return the text of a row; raises `UnknownField`."""
        texts = []
        for piece in self.pieces:
            if isinstance(piece, str):
                texts.append(piece)
            elif piece.name in fields:
                texts.append(shown(fields[piece.name]))
            else:
                raise UnknownField(piece.name, row, fields)
        return "".join(texts)


def read_template(text: str, *, option: str) -> Template:
    """Return the template that an option holds; raises `TemplateWrong`."""
    pieces: list[str | _Field] = []
    for found in _PIECE.finditer(text):
        name, whole = found[1], found[0]
        if name:
            pieces.append(_Field(name))
        elif whole in ("{{", "}}"):
            pieces.append(whole[0])
        elif whole in ("{", "}", "{}"):
            raise TemplateWrong(
                f"{option} has a {whole!r} at character {found.start() + 1} that names no field; "
                "write {{ and }} for braces of the text"
            )
        else:
            pieces.append(whole)
    return Template(tuple(pieces))


def shown(value: object) -> str:
    """Return a field's value as text: nothing for null, JSON for lists and objects."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case bool() | dict() | list():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)
