"""Where answered rows are written to: JSONL objects, CSV or TSV; Parquet has a file of its own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from forebay.cli.batch.answers import Answer
from forebay.cli.batch.columns import Column, result_names, result_values
from forebay.cli.batch.rows import DELIMITERS, Chunk, Format
from forebay.cli.batch.template import shown

_encode = msgspec.json.Encoder().encode


class Sink(Protocol):
    """A file that is being written."""

    def write(self, chunk: Chunk, answers: Sequence[Answer]) -> None:
        """Add the rows of a chunk and the answer to each."""
        ...

    def close(self) -> None:
        """Write what is still held; nothing may be added after it."""
        ...


def sink_of(
    path: Path, format_: Format, columns: list[Column], *, has_json: bool, has_vectors: bool
) -> Sink:
    """Return the sink that writes a format into a file.

    With `has_json`, answers are JSON texts; with `has_vectors`, they are embeddings.
    """
    match format_:
        case Format.JSONL:
            return JsonlSink(path, columns, has_json=has_json)
        case Format.PARQUET:
            from forebay.cli.batch.parquet import ParquetSink

            return ParquetSink(path, columns, has_vectors=has_vectors)
        case Format.CSV | Format.TSV:
            return CsvSink(path, columns, delimiter=DELIMITERS[format_])


class JsonlSink:
    """Writes an object for each row: its fields, then ours."""

    def __init__(self, path: Path, columns: list[Column], *, has_json: bool) -> None:
        self._names = result_names([column.name for column in columns])
        self._has_json = has_json
        self._file = path.open("wb")

    def write(self, chunk: Chunk, answers: Sequence[Answer]) -> None:
        """Add the rows of a chunk and the answer to each."""
        for row, answer in zip(chunk.rows, answers, strict=True):
            value, *others = result_values(answer)
            if self._has_json and isinstance(value, str):
                with suppress(msgspec.DecodeError):  # an answer that was cut off stays a text
                    value = msgspec.json.decode(value)
            ours = dict(zip(self._names, (value, *others), strict=True))
            self._file.write(_encode({**row.fields, **ours}) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvSink:
    """Writes a header, then a line for each row; vectors, lists and objects are JSON."""

    def __init__(self, path: Path, columns: list[Column], *, delimiter: str) -> None:
        self._columns = [column.name for column in columns]
        self._file = path.open("w", encoding="utf-8", newline="")
        self._lines = csv.writer(self._file, delimiter=delimiter)
        self._lines.writerow((*self._columns, *result_names(self._columns)))

    def write(self, chunk: Chunk, answers: Sequence[Answer]) -> None:
        """Add the rows of a chunk and the answer to each."""
        for row, answer in zip(chunk.rows, answers, strict=True):
            cells = [row.fields.get(name) for name in self._columns]
            self._lines.writerow([shown(cell) for cell in (*cells, *result_values(answer))])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
