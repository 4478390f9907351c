"""The input, row by row: JSONL objects, CSV and Parquet, never more than a chunk in memory."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import assert_never

import msgspec

from forebay.cli.batch.endings import CommandRefused

CHUNK_ROWS = 1024
MAX_CELL_BYTES = 64 * 1024 * 1024

JsonObject = dict[str, object]

_decode = msgspec.json.Decoder(JsonObject).decode


class Format(StrEnum):
    """What a file is, by its name."""

    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


SUFFIXES = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}
DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


class InputWrong(CommandRefused):
    """The input cannot be read as what its name says."""

    code = "input_wrong"


class LibraryMissing(CommandRefused):
    """A format needs a library that is not installed."""

    code = "library_missing"


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `number` counts from 1, without the header of a table."""

    number: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows that follow one another; `origin` is the Arrow record batch that they came in."""

    rows: list[Row]
    origin: object = None


def format_of(path: Path, *, default: Format | None = None) -> Format:
    """Return what a file is by its name, or the default.

    Raises `InputWrong` without one, and `LibraryMissing`.
    """
    found = SUFFIXES.get(path.suffix.lower(), default)
    if found is None:
        known = ", ".join(SUFFIXES)
        raise InputWrong(f"{path.name}: its name should say what it holds, by one of {known}")
    if found is Format.PARQUET and find_spec("pyarrow") is None:
        raise LibraryMissing("Parquet needs one more library: pip install 'forebay[parquet]'")
    return found


def chunks_of(path: Path) -> Iterator[Chunk]:
    """Yield all rows of a file; raises `InputWrong` with the row that cannot be read."""
    match format_of(path):
        case Format.JSONL:
            yield from chunked(_objects(path))
        case Format.PARQUET:
            from forebay.cli.batch.parquet import parquet_chunks

            yield from parquet_chunks(path)
        case Format.CSV | Format.TSV as kind:
            yield from chunked(_cells(path, delimiter=DELIMITERS[kind]))
        case _ as never:
            assert_never(never)


def rows_of(path: Path) -> Iterator[Row]:
    """Yield all rows of a file, as `chunks_of` does."""
    for chunk in chunks_of(path):
        yield from chunk.rows


def chunked(rows: Iterator[Row]) -> Iterator[Chunk]:
    """Yield the rows in chunks."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS:
            yield Chunk(chunk)
            chunk = []
    if chunk:
        yield Chunk(chunk)


def _objects(path: Path) -> Iterator[Row]:
    number = 0
    with path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            number += 1
            try:
                fields = _decode(line.removeprefix(codecs.BOM_UTF8))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise InputWrong(f"{path.name}: line {line_number} is no JSON object") from None
            yield Row(number, fields)


def _cells(path: Path, *, delimiter: str) -> Iterator[Row]:
    # The limit is the module's own, for all readers; its default is less than a long document.
    csv.field_size_limit(MAX_CELL_BYTES)
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, delimiter=delimiter, strict=True)
            header = _header(next(lines, []), path)
            for cells in lines:
                if not cells:
                    continue
                number += 1
                if len(cells) != len(header):
                    raise InputWrong(
                        f"{path.name}: row {number} has {len(cells)} cells, "
                        f"and the header has {len(header)}"
                    )
                yield Row(number, dict(zip(header, cells, strict=True)))
    except UnicodeDecodeError:
        raise InputWrong(f"{path.name}: the text after row {number} is not UTF-8") from None
    except csv.Error as error:
        raise InputWrong(f"{path.name}: row {number + 1} cannot be read: {error}") from None


def _header(names: list[str], path: Path) -> list[str]:
    if not names:
        raise InputWrong(f"{path.name} is empty")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputWrong(f"{path.name}: two columns have the name {twice!r}")
    return names
