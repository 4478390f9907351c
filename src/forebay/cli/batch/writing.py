"""The output of a batch: its lines as they are, or a table of the input's rows and their answers.

It is written whole under another name, and only then put in its place.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from forebay.cli.batch.answer_index import AnswerIndex
from forebay.cli.batch.answers import AnswerStatus
from forebay.cli.batch.batch_input import BatchInput
from forebay.cli.batch.columns import Column, columns_in
from forebay.cli.batch.display import Display, Moved
from forebay.cli.batch.harvest import Harvested
from forebay.cli.batch.rows import Format
from forebay.cli.batch.sinks import Sink, sink_of
from forebay.cli.batch.target import Target

SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the output says: how many lines failed, the numbers of some, and where to look."""

    failed: int = 0
    first_failed: tuple[int, ...] = ()
    where: str = ""


async def write_output(
    given: BatchInput, harvested: Harvested, target: Target, display: Display
) -> Written:
    """Write what has become of the input's lines; the fetched files are gone afterwards."""
    if given.form is None and target.format is Format.JSONL:
        return write_lines_as_they_are(harvested, target)
    written = await _table(given, harvested, target, display)
    for part in harvested.parts:
        _forget(part)
    return written


def write_lines_as_they_are(harvested: Harvested, target: Target) -> Written:
    """Put the fetched files in their places: errors into a file of their own, if there are any.

    On standard output, both come one after the other.
    """
    failed = 0 if harvested.errors is None else _line_count(harvested.errors)
    if target.is_stdout:
        for part in harvested.parts:
            _to_stdout(part)
        return Written(failed=failed, where="their lines have an error" if failed else "")
    if harvested.errors is not None and failed:
        os.replace(harvested.errors, target.errors_path)
    else:
        target.errors_path.unlink(missing_ok=True)  # an earlier run's
    if harvested.output is None:
        whole = target.beside("whole")
        whole.write_bytes(b"")
        os.replace(whole, target.path)
    else:
        os.replace(harvested.output, target.path)
    return Written(failed=failed, where=f"see {target.errors_path.name}" if failed else "")


async def _table(
    given: BatchInput, harvested: Harvested, target: Target, display: Display
) -> Written:
    whole = target.beside("whole")
    try:
        with AnswerIndex(target.beside("index"), harvested.parts) as index:
            with display.bar("sorting", total=None) as moved:
                for count in index.filled():
                    moved(count)
                    await asyncio.sleep(0)  # a signal is heard between groups
            with display.bar("writing", total=None) as moved:
                columns = _columns(given)
                sink = sink_of(
                    whole,
                    target.format,
                    columns,
                    has_json=given.has_json,
                    has_vectors=given.has_vectors,
                )
                with closing(sink):
                    written = await _filled(sink, given, index, moved)
        if target.is_stdout:
            _to_stdout(whole)
        else:
            os.replace(whole, target.path)
    finally:
        _forget(whole)
    return written


async def _filled(sink: Sink, given: BatchInput, index: AnswerIndex, moved: Moved) -> Written:
    failed = 0
    first: list[int] = []
    for chunk in given.chunks():
        answers = [index.answer(given.custom_id(row)) for row in chunk.rows]
        sink.write(chunk, answers)
        for row, answer in zip(chunk.rows, answers, strict=True):
            if answer.status is not AnswerStatus.COMPLETED:
                failed += 1
                if len(first) < SHOWN_ROWS:
                    first.append(row.number)
        moved(chunk.rows[-1].number)
        await asyncio.sleep(0)
    where = "see the columns status and error" if failed else ""
    return Written(failed=failed, first_failed=tuple(first), where=where)


def _columns(given: BatchInput) -> list[Column]:
    """Return the columns of the input: objects may have others in every line, tables have not."""
    rows = (row for chunk in given.chunks() for row in chunk.rows)
    return columns_in(islice(rows, 1) if given.is_uniform else rows)


def _to_stdout(path: Path) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _line_count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
