"""Sorting more than memory holds: sorted runs in a file on local disk, then merged.

The files have no name: they vanish with whoever wrote them, however that ends.
"""

from __future__ import annotations

import heapq
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import NamedTuple

RUN_BYTES = 16 * 1024 * 1024
FAN_IN = 64
READ_BYTES = 128 * 1024
WRITE_BYTES = 1024 * 1024

Record = tuple[bytes, bytes]
"""A key and what it stands for."""

_SIZES = Struct("<II")


class SpillFile:
    """An unnamed file that is written at its end and read anywhere."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=WRITE_BYTES)  # noqa: SIM115 - see close
        self.size_bytes = 0

    def write(self, content: bytes) -> None:
        """Add at the end."""
        self._file.write(content)
        self.size_bytes += len(content)

    def flush(self) -> None:
        """Let what was written be read."""
        self._file.flush()

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return a stretch that was written and flushed."""
        return os.pread(self._file.fileno(), size_bytes, start)

    def reader(self, start: int, end: int) -> io.BufferedReader:
        """Return a file of a stretch that was written and flushed."""
        return io.BufferedReader(_Stretch(self._file.fileno(), start, end), READ_BYTES)

    def close(self) -> None:
        """Give up the file and what it holds."""
        self._file.close()


class ExternalSort:
    """Records that come out in the order of their keys, which are all different."""

    def __init__(self, folder: Path, *, run_bytes: int = RUN_BYTES, fan_in: int = FAN_IN) -> None:
        self._folder = folder
        self._run_bytes = run_bytes
        self._fan_in = fan_in
        self._pending: list[Record] = []
        self._pending_bytes = 0
        self._spill: SpillFile | None = None
        self._runs: list[_Run] = []

    def add(self, key: bytes, value: bytes) -> None:
        """Take a record."""
        self._pending.append((key, value))
        self._pending_bytes += len(key) + len(value)
        if self._pending_bytes >= self._run_bytes:
            self._spill = self._spill or SpillFile(self._folder)
            self._write_run(self._spill, self._runs, self._pending_in_order())
            self._forget_pending()

    def records(self) -> Iterator[Record]:
        """Yield what was added, by key. What fits one run was never written."""
        if self._spill is None:
            yield from self._pending_in_order()
            return
        if self._pending:
            self._write_run(self._spill, self._runs, self._pending_in_order())
            self._forget_pending()
        while len(self._runs) > self._fan_in:
            self._merge_once(self._spill)
        yield from _merged(self._spill, self._runs)

    def close(self) -> None:
        """Forget everything."""
        self._forget_pending()
        self._runs.clear()
        if self._spill is not None:
            self._spill.close()

    def _merge_once(self, before: SpillFile) -> None:
        """Make fewer and longer runs of them, in a file of their own."""
        after = SpillFile(self._folder)
        runs: list[_Run] = []
        try:
            for first in range(0, len(self._runs), self._fan_in):
                some = self._runs[first : first + self._fan_in]
                self._write_run(after, runs, _merged(before, some))
        except BaseException:
            after.close()
            raise
        before.close()
        self._spill, self._runs = after, runs

    def _write_run(self, spill: SpillFile, runs: list[_Run], records: Iterable[Record]) -> None:
        start = spill.size_bytes
        for key, value in records:
            spill.write(_SIZES.pack(len(key), len(value)))
            spill.write(key)
            spill.write(value)
        spill.flush()
        runs.append(_Run(start, spill.size_bytes))

    def _pending_in_order(self) -> list[Record]:
        self._pending.sort(key=itemgetter(0))
        return self._pending

    def _forget_pending(self) -> None:
        self._pending = []
        self._pending_bytes = 0


class _Run(NamedTuple):
    start: int
    end: int


def _merged(spill: SpillFile, runs: list[_Run]) -> Iterator[Record]:
    """Yield the records of several runs by key; of each run, one key alone is in memory."""
    readers = [_RunReader(spill.reader(run.start, run.end)) for run in runs]
    heads = [(reader.next_key(), index) for index, reader in enumerate(readers)]
    heapq.heapify(heads)
    while heads:
        key, index = heads[0]
        yield key, readers[index].value()
        if following := readers[index].next_key():
            heapq.heapreplace(heads, (following, index))
        else:
            heapq.heappop(heads)


class _RunReader:
    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._value_bytes = 0

    def next_key(self) -> bytes:
        """Return the next record's key, and nothing at the run's end."""
        sizes = self._file.read(_SIZES.size)
        if not sizes:
            return b""
        key_bytes, self._value_bytes = _SIZES.unpack(sizes)
        return self._file.read(key_bytes)

    def value(self) -> bytes:
        return self._file.read(self._value_bytes)


class _Stretch(io.RawIOBase):
    def __init__(self, descriptor: int, start: int, end: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._at = start
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer)[: self._end - self._at]
        size_bytes = os.preadv(self._descriptor, [view], self._at) if view else 0
        self._at += size_bytes
        return size_bytes
