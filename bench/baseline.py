"""The bare servers as child processes: what Forebay's figures stand beside."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import start_process

_START_S = 15.0
_MIN_CALLS_PER_S = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A started bare server."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResult:
    """What the bare loop took: its rate, and its CPU for one call."""

    per_s: float
    cpu_ms: float


@asynccontextmanager
async def serve_bare(*, upstream: str, logs: Path) -> AsyncIterator[Baseline]:
    """Serve the gateway while the block runs; raises `CommandFailed` if it does not start."""
    async with _served("bench.bare", ["--upstream", upstream], logs=logs) as baseline:
        yield baseline


@asynccontextmanager
async def serve_bare_store(*, flags: Sequence[str], logs: Path) -> AsyncIterator[Baseline]:
    """Serve what keeps each request by a commit of its own; the flags name its database."""
    async with _served("bench.bare_store", flags, logs=logs) as baseline:
        yield baseline


async def run_bare_loop(*, upstream: str, calls: int, concurrency: int, logs: Path) -> LoopResult:
    """Make so many calls of the engine by the bare loop, which ends with the last one."""
    command = [
        *(sys.executable, "-m", "bench.bare_loop", "--upstream", upstream),
        *("--calls", str(calls), "--concurrency", str(concurrency)),
    ]
    async with start_process(command, environment=os.environ, logs=logs) as process:
        out = await process.wait_for_success(seconds=_START_S + calls / _MIN_CALLS_PER_S)
    try:
        seconds, cpu_s = map(float, out.split())
    except ValueError:
        raise process.failure(f"printed {out!r}, not its seconds") from None
    return LoopResult(per_s=calls / seconds, cpu_ms=1000 * cpu_s / calls)


@asynccontextmanager
async def _served(module: str, flags: Sequence[str], *, logs: Path) -> AsyncIterator[Baseline]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", module, "--port", str(port), *flags]
    async with start_process(command, environment=os.environ, logs=logs) as process:
        await process.wait_until_heard(port, seconds=_START_S)
        yield Baseline(url=f"http://127.0.0.1:{port}", pid=process.pid)
