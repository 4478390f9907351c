"""Where each row's result is in the fetched files, in a temporary SQLite file.

Results come in any order, and rows are written in theirs: memory stays the same for any number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from forebay.cli.batch.answers import MISSING, Answer, read_answer
from forebay.cli.batch.endings import DiskTrouble, ServerTrouble

GROUP = 1000
CACHE_KIB = 32 * 1024

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE result (
    custom_id TEXT PRIMARY KEY, part INTEGER, offset_bytes INTEGER, size_bytes INTEGER
) WITHOUT ROWID;
"""


class ResultsBroken(ServerTrouble):
    """A line of the results is none."""

    code = "results_broken"


class _Named(msgspec.Struct):
    custom_id: str | None  # None of a request that a server has lost: it is missing then


_read_name = msgspec.json.Decoder(_Named).decode


class AnswerIndex:
    """The results in some files, by their custom ids; its own file is gone when it is closed."""

    def __init__(self, path: Path, parts: list[Path]) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(f"PRAGMA cache_size = -{CACHE_KIB};{_SCHEMA}")
        self._parts = parts
        self._files: list[BinaryIO] = [part.open("rb") for part in parts]

    def __enter__(self) -> AnswerIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()
        for file in self._files:
            file.close()
        self._path.unlink(missing_ok=True)

    def filled(self) -> Iterator[int]:
        """Read all files, yielding the number of results after each group of them.

        Raises `ResultsBroken`, or `DiskTrouble` when there is no room for the index.
        """
        count = 0
        for number in range(len(self._files)):
            group: list[tuple[str, int, int, int]] = []
            for custom_id, offset, size in self._lines(number):
                group.append((custom_id, number, offset, size))
                if len(group) == GROUP:
                    count += self._add(group)
                    group = []
                    yield count
            count += self._add(group)
        yield count

    def answer(self, custom_id: str) -> Answer:
        """Return what became of a row."""
        found = self._connection.execute(
            "SELECT part, offset_bytes, size_bytes FROM result WHERE custom_id = ?", (custom_id,)
        ).fetchone()
        if found is None:
            return MISSING
        part, offset, size = found
        self._files[part].seek(offset)
        return read_answer(self._files[part].read(size))

    def _add(self, group: list[tuple[str, int, int, int]]) -> int:
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)", group)
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise DiskTrouble(
                f"{self._path}: {error}; make room and run the same command again: "
                "what has come is kept"
            ) from None
        return len(group)

    def _lines(self, number: int) -> Iterator[tuple[str, int, int]]:
        offset = 0
        for count, line in enumerate(self._files[number], start=1):
            if line.strip():
                try:
                    custom_id = _read_name(line).custom_id
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    raise ResultsBroken(
                        f"line {count} of {self._parts[number]} is no result; "
                        "delete that file, and run again to fetch it anew"
                    ) from None
                if custom_id is not None:
                    yield custom_id, offset, len(line)
            offset += len(line)
