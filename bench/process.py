"""A child process of the benchmark: its output goes to two files, and its end is certain.

Each has a session of its own, so that Ctrl-C reaches it once, through us, and so that whatever it
started itself is ended with it.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_STOP_S = 15.0
_POLL_S = 0.002
_SHOWN_CHARACTERS = 2000


class CommandFailed(Exception):
    """A command that the benchmark needs did not start, ended in an error, or took too long."""


class Process:
    """A running command; start it with `start_process`, which also ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        logs: Path,
        user: str | None,
    ) -> None:
        self.shown = " ".join(command)
        self.out = logs / f"{time.monotonic_ns()}.out"
        self.err = self.out.with_suffix(".err")
        self.started_at = time.perf_counter()
        try:
            with self.out.open("wb") as out, self.err.open("wb") as err:
                self._process = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    user=user,
                )
        except OSError as error:
            raise CommandFailed(f"cannot start `{self.shown}`: {error}") from error
        self.pid = self._process.pid

    async def wait_until_written(self, file: Path, *, seconds: float) -> float:
        """Wait until the file holds a whole line, and give the seconds since the start.

        Raises `CommandFailed` if the process ends or the time passes before.
        """
        while not _holds_line(file):
            self.check_running(f"did not write {file.name}")
            self.check_age(f"did not write {file.name}", seconds=seconds)
            await asyncio.sleep(_POLL_S)
        return time.perf_counter() - self.started_at

    async def wait_until_heard(self, port: int, *, seconds: float) -> None:
        """Wait until the port on this machine accepts connections; raises as above."""
        while True:
            self.check_running(f"did not listen on port {port}")
            self.check_age(f"did not listen on port {port}", seconds=seconds)
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(_POLL_S)

    async def wait_for_success(self, *, seconds: float) -> str:
        """Wait for the end with status 0, and give what was written to stdout."""
        while self._process.poll() is None:
            self.check_age("did not end", seconds=seconds)
            await asyncio.sleep(_POLL_S)
        if self._process.returncode != 0:
            raise self.failure(f"ended with status {self._process.returncode}")
        return self.out.read_text(errors="replace")

    def check_running(self, what: str) -> None:
        """Raise `CommandFailed` if the process has ended."""
        if self._process.poll() is not None:
            raise self.failure(f"{what}: ended with status {self._process.returncode}")

    def check_age(self, what: str, *, seconds: float) -> None:
        """Raise `CommandFailed` if the process was started longer ago than this."""
        if time.perf_counter() - self.started_at > seconds:
            raise self.failure(f"{what} within {seconds:.0f} s")

    def failure(self, what: str) -> CommandFailed:
        """Make the error that says what happened and shows the end of stderr, or else of stdout."""
        output = self.err.read_text(errors="replace") or self.out.read_text(errors="replace")
        shown = output.strip()[-_SHOWN_CHARACTERS:] or "(it wrote nothing)"
        return CommandFailed(f"`{self.shown}` {what}\n{shown}")

    async def stop(self) -> None:
        """Ask the process to end; after a while, or when cancelled, kill it and its children."""
        self._process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, _STOP_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


@asynccontextmanager
async def start_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    logs: Path,
    user: str | None = None,
) -> AsyncIterator[Process]:
    """Run the command while the block runs, as that user or as our own; nothing of it is left.

    A connection that the block loses is a `CommandFailed` if the process had ended by then.
    """
    process = Process(command, environment=environment, logs=logs, user=user)
    try:
        yield process
    except ConnectionError:
        process.check_running("did not last")
        raise
    finally:
        await process.stop()


def _holds_line(file: Path) -> bool:
    try:
        return "\n" in file.read_text()
    except FileNotFoundError:
        return False
