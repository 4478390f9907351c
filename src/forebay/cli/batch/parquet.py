"""Parquet, by pyarrow, which need not be installed: read by row groups, written in groups.

Whoever imports this has asked `format_of` first, which tells what to install.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from forebay.cli.batch.answers import Answer
from forebay.cli.batch.columns import Column, Kind, result_names, result_values
from forebay.cli.batch.rows import CHUNK_ROWS, Chunk, InputWrong, Row
from forebay.cli.batch.template import shown

GROUP_BYTES = 32 * 1024 * 1024

TYPES = {
    Kind.TEXT: pyarrow.string(),
    Kind.INTEGER: pyarrow.int64(),
    Kind.NUMBER: pyarrow.float64(),
    Kind.BOOLEAN: pyarrow.bool_(),
    Kind.JSON: pyarrow.string(),
}


def parquet_chunks(path: Path) -> Iterator[Chunk]:
    """Yield all rows of a file; raises `InputWrong` for one that is no Parquet."""
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _refuse_same_names(file.schema_arrow.names, path)
            for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                names = batch.schema.names
                columns = [_values(column) for column in batch.columns]
                rows = [
                    Row(number + position, dict(zip(names, cells, strict=True)))
                    for position, cells in enumerate(zip(*columns, strict=True), start=1)
                ]
                number += len(rows)
                yield Chunk(rows, origin=batch)
    except pyarrow.ArrowException as error:
        raise InputWrong(f"{path.name}: no Parquet after row {number}: {error}") from None


def _refuse_same_names(names: list[str], path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputWrong(f"{path.name}: two columns have the name {name!r}")


def _values(column: pyarrow.Array) -> list[object]:
    try:
        values: list[object] = column.to_pylist()
    except ValueError:
        # Times to the nanosecond have no value in Python.
        values = column.cast(pyarrow.string()).to_pylist()
    return values


class ParquetSink:
    """Writes tables of some size; the columns of a Parquet input keep their types."""

    def __init__(
        self,
        path: Path,
        columns: list[Column],
        *,
        has_vectors: bool,
        group_bytes: int = GROUP_BYTES,
    ) -> None:
        self._path = path
        self._columns = columns
        self._group_bytes = group_bytes
        vector, text = pyarrow.list_(pyarrow.float64()), pyarrow.string()
        count = pyarrow.int64()
        names = result_names([column.name for column in columns])
        types = (vector if has_vectors else text, text, text, count, count)
        self._ours = pyarrow.schema(list(zip(names, types, strict=True)))
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._waiting: list[pyarrow.RecordBatch] = []

    def write(self, chunk: Chunk, answers: Sequence[Answer]) -> None:
        """Add the rows of a chunk and the answer to each."""
        given: pyarrow.RecordBatch = chunk.origin
        if given is None:
            given = _made(chunk.rows, self._columns)
        values = zip(*map(result_values, answers), strict=True)
        ours = [
            pyarrow.array(column, type=field.type)
            for column, field in zip(values, self._ours, strict=True)
        ]
        self._waiting.append(
            pyarrow.RecordBatch.from_arrays(
                [*given.columns, *ours], schema=pyarrow.schema([*given.schema, *self._ours])
            )
        )
        if sum(batch.nbytes for batch in self._waiting) >= self._group_bytes:
            self._flush()

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        table = pyarrow.Table.from_batches(self._waiting)
        self._waiting = []
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)


def _made(rows: list[Row], columns: list[Column]) -> pyarrow.RecordBatch:
    arrays = [
        pyarrow.array([_cell(row.fields.get(column.name), column.kind) for row in rows], type_)
        for column, type_ in ((column, TYPES[column.kind]) for column in columns)
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def _cell(value: object, kind: Kind) -> object:
    is_text = kind in (Kind.TEXT, Kind.JSON)
    return shown(value) if is_text and value is not None else value
