"""The memory of a process and all that it started, looked at now and then."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_PAUSE_S = 0.25


class ResidentMemory:
    """The resident memory of a process tree."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, int] = {}

    @property
    def peak_bytes(self) -> int:
        """The sum of every process's own peak: nothing between two looks is missed."""
        return sum(self._peaks.values())

    def look(self) -> None:
        """Note the peaks so far of the processes of this moment."""
        self._peaks |= _of_tree(self._pid, lambda pid: _field_bytes(pid, "status", "VmHWM:"))


class TogetherMemory:
    """The resident memory of a process tree, as much as its processes can have held together."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0

    def look(self) -> None:
        """Note the peaks so far of the processes of this moment, if they are more than before.

        Nothing that one of them held between two looks is missed. Those that had ended when another
        one began do not add up.
        """
        peaks = _of_tree(self._pid, lambda pid: _field_bytes(pid, "status", "VmHWM:"))
        self.peak_bytes = max(self.peak_bytes, sum(peaks.values()))


class SharedOutMemory:
    """The memory of a process tree, in which what its processes share counts once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0

    def look(self) -> None:
        """Note what the processes of this moment hold together, if it is more than before."""
        shares = _of_tree(self._pid, lambda pid: _field_bytes(pid, "smaps_rollup", "Pss:"))
        self.peak_bytes = max(self.peak_bytes, sum(shares.values()))


@asynccontextmanager
async def watched(
    *memories: ResidentMemory | TogetherMemory | SharedOutMemory, pause_s: float = _PAUSE_S
) -> AsyncIterator[None]:
    """Look at them while the block runs, and once more at its end."""

    async def keep_looking() -> None:
        while True:
            for memory in memories:
                memory.look()
            await asyncio.sleep(pause_s)

    looking = asyncio.create_task(keep_looking())
    try:
        yield
        for memory in memories:
            memory.look()
    finally:
        looking.cancel()


def _of_tree(pid: int, bytes_of: Callable[[int], int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for member in _tree(pid):
        # It may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            found[member] = bytes_of(member)
    return found


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in file.read_text().split():
                yield from _tree(int(child))


def _field_bytes(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
