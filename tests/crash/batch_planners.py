"""The processes that plan batches for a server, which a test has stand still."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.server_process import ServerProcess, has_ended

LOOK_S = 0.005  # much less than such a process takes to begin
COMMAND = b"forebay.wiring.planning_child"
TIDYING_S = 10.0


class Planners:
    """The planners of one server that stand still, in the order in which they came."""

    def __init__(self) -> None:
        self._stopped: list[int] = []

    async def stop_next(self, server: ServerProcess) -> int:
        """Have the next planner stand still as soon as it is there; returns its process id."""
        while True:
            for pid in planners_of(server.pid):
                if pid not in self._stopped:
                    os.kill(pid, signal.SIGSTOP)
                    self._stopped.append(pid)
                    return pid
            await asyncio.sleep(LOOK_S)


def planners_of(pid: int) -> list[int]:
    """Return the processes that plan for a server."""
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            if COMMAND in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


async def ends_by_itself(pid: int) -> bool:
    """Tell whether a planner ends that nobody waits for any more."""
    return await asyncio.to_thread(has_ended, pid, within_s=TIDYING_S)
