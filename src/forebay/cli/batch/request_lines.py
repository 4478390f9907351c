"""The lines of a batch: made of rows and a prompt, or ready ones that are sent as they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from forebay.cli.batch.bodies import Answering, Endpoint, body_of
from forebay.cli.batch.endings import CommandRefused
from forebay.cli.batch.rows import Chunk, Format, InputWrong, Row, chunked, format_of
from forebay.cli.batch.template import Template, shown

_encode = msgspec.json.Encoder().encode


class IdWrong(CommandRefused):
    """A row has nothing in its id column that can be its id."""

    code = "id_wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForm:
    """How a row becomes a request."""

    endpoint: Endpoint
    prompt: Template
    system: Template | None = None
    answering: Answering
    id_column: str | None = None

    def custom_id(self, row: Row) -> str:
        """Return the id of a row in the batch; raises `IdWrong`."""
        if self.id_column is None:
            return f"row-{row.number}"
        if self.id_column not in row.fields:
            names = ", ".join(row.fields)
            raise IdWrong(f"row {row.number} has no column {self.id_column!r}; it has {names}")
        found = shown(row.fields[self.id_column])
        if not found:
            raise IdWrong(f"row {row.number} has nothing in the id column {self.id_column!r}")
        return found

    def line(self, row: Row, *, model: str) -> bytes:
        """Return the row's line of a batch; raises `UnknownField` or `IdWrong`."""
        number = row.number
        line = {
            "custom_id": self.custom_id(row),
            "method": "POST",
            "url": self.endpoint.value,
            "body": body_of(
                self.endpoint,
                self.prompt.filled(row.fields, row=number),
                system=None if self.system is None else self.system.filled(row.fields, row=number),
                model=model,
                answering=self.answering,
            ),
        }
        return _encode(line) + b"\n"


class ReadyLine(msgspec.Struct):
    """What must be told of a ready line; its body passes as it is."""

    custom_id: str
    url: str
    body: msgspec.Raw


class _Identified(msgspec.Struct):
    custom_id: str


_read_id = msgspec.json.Decoder(_Identified).decode


def write_lines(
    rows: Iterator[Row], form: RequestForm, file: BinaryIO, *, model: str
) -> Iterator[int]:
    """Write the lines of all rows, yielding the number of each when it is written."""
    for row in rows:
        file.write(form.line(row, model=model))
        yield row.number


def first_ready_line(path: Path) -> ReadyLine | None:
    """Return the first line of a file if it is a ready line of a batch.

    Raises `InputWrong` for a file without any line.
    """
    if format_of(path) is not Format.JSONL:
        return None
    with path.open("rb") as file:
        line = next(_lines(file), None)
    if line is None:
        raise InputWrong(f"{path.name} is empty")
    try:
        return msgspec.json.decode(line, type=ReadyLine)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def ready_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the ids of ready lines as rows."""
    return chunked(_ids(path))


def _ids(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), start=1):
            try:
                custom_id = _read_id(line).custom_id
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise InputWrong(f"{path.name}: ready line {number} has no custom_id") from None
            yield Row(number, {"custom_id": custom_id})


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that say something; a mark of the encoding before them says nothing."""
    for line in file:
        if (found := line.removeprefix(codecs.BOM_UTF8)).strip():
            yield found
