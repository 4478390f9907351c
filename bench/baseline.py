"""The bare servers and loops as child processes: what Forebay's figures stand beside."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import CommandFailed, start_process

_START_S = 15.0
_MIN_CALLS_PER_S = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A started bare server."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResult:
    """What a bare loop took: its rate, and its CPU for one call."""

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
    flags = ["--upstream", upstream, "--calls", str(calls), "--concurrency", str(concurrency)]
    printed = await _printed("bench.bare_loop", flags, calls=calls, logs=logs)
    return _loop_result(calls, *printed)


async def run_bare_batch(
    *, upstream: str, source: Path, lines: int, concurrency: int, logs: Path
) -> LoopResult:
    """Run the file's lines by the bare loop, which writes its results beside the file."""
    results = source.with_suffix(".results")
    flags = [
        *("--upstream", upstream, "--source", str(source), "--results", str(results)),
        *("--concurrency", str(concurrency)),
    ]
    try:
        number, *printed = await _printed("bench.bare_batch", flags, calls=lines, logs=logs)
    finally:
        results.unlink(missing_ok=True)
    _check(int(number), lines)
    return _loop_result(lines, *printed)


async def run_bare_read(file: Path, *, lines: int, logs: Path) -> float:
    """Give the seconds in which the bare loop reads the file and decodes its lines."""
    number, seconds = await _printed("bench.bare_read", [str(file)], calls=lines, logs=logs)
    _check(int(number), lines)
    return seconds


async def _printed(module: str, flags: Sequence[str], *, calls: int, logs: Path) -> list[float]:
    """Run a loop to its end, which tells its figures in one line."""
    command = [sys.executable, "-m", module, *flags]
    async with start_process(command, environment=os.environ, logs=logs) as process:
        out = await process.wait_for_success(seconds=_START_S + calls / _MIN_CALLS_PER_S)
    try:
        return [float(word) for word in out.split()]
    except ValueError:
        raise process.failure(f"printed {out!r}, not its figures") from None


def _loop_result(calls: int, seconds: float, cpu_s: float) -> LoopResult:
    return LoopResult(per_s=calls / seconds, cpu_ms=1000 * cpu_s / calls)


def _check(number: int, lines: int) -> None:
    if number != lines:
        raise CommandFailed(f"a bare loop ran {number} lines of {lines}")


@asynccontextmanager
async def _served(module: str, flags: Sequence[str], *, logs: Path) -> AsyncIterator[Baseline]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", module, "--port", str(port), *flags]
    async with start_process(command, environment=os.environ, logs=logs) as process:
        await process.wait_until_heard(port, seconds=_START_S)
        yield Baseline(url=f"http://127.0.0.1:{port}", pid=process.pid)
