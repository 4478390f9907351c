"""The bare gateway as a child process: what Forebay's figures stand beside."""

import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import start_process

_START_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A started bare gateway."""

    url: str
    pid: int


@asynccontextmanager
async def serve_bare(*, upstream: str, logs: Path) -> AsyncIterator[Baseline]:
    """Serve while the block runs; raises `CommandFailed` if it does not start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.bare", "--port", str(port), "--upstream", upstream]
    async with start_process(command, environment=os.environ, logs=logs) as process:
        await process.wait_until_heard(port, seconds=_START_S)
        yield Baseline(url=f"http://127.0.0.1:{port}", pid=process.pid)
