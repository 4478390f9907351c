"""The embedded engine: a llama.cpp server of our own, kept alive as a child process.

This supervises and tells the address; speaking HTTP to it is `http.py`'s work. The child holds no
state worth saving, so it is ended by SIGKILL, and it ends by itself when its stdin does: also when
this process is killed. Its address changes with every restart, its key does not.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from forebay.core.errors import ForebayError
from forebay.engines.embedded_child import KEY_VARIABLE
from forebay.engines.embedded_options import EmbeddedOptions, usable_cores

_CHILD = Path(__file__).with_name("embedded_child.py")
_log = logging.getLogger(__name__)

OnAddress = Callable[[str | None], None]
"""Called with the base URL when a child is ready, and with None when it is gone."""


class EmbeddedEngineFailed(ForebayError):
    """The child did not become ready; `code` tells a missing file or library from the rest."""

    code = "engine_start_failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class EmbeddedState(StrEnum):
    """Where the child is in its life."""

    STARTING = "starting"  # left by a child that is ready, or by one failure too many
    READY = "ready"  # left when the child dies
    UNHEALTHY = "unhealthy"  # a crash loop; left when a child is ready, which is still tried
    CLOSED = "closed"  # final


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRule:
    """When a child that died is started again, and when its dying has become a crash loop."""

    first_pause_s: float = 0.5
    max_pause_s: float = 30.0
    steady_after_s: float = 60.0
    """A child that lived this long died of something new: counting starts again."""
    loop_after: int = 3

    def pause_s(self, failures: int) -> float:
        """Return the pause after that many failures in a row; none after the first."""
        if failures <= 1:
            return 0.0
        return min(self.max_pause_s, self.first_pause_s * 2.0 ** min(failures - 2, 30))


class EmbeddedEngine:
    """One supervised child. An owner awaits `start()`, then runs `run()` in its TaskGroup."""

    def __init__(
        self,
        options: EmbeddedOptions,
        *,
        on_address: OnAddress = lambda _address: None,
        restart_rule: RestartRule = RestartRule(),
        ready_timeout_s: float = 120.0,
    ) -> None:
        self.api_key = secrets.token_hex(24)
        self.base_url: str | None = None
        self.last_error: str | None = None
        self.state = EmbeddedState.STARTING
        self._options = options
        self._on_address = on_address
        self._restart_rule = restart_rule
        self._ready_timeout_s = ready_timeout_s
        self._process: Process | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a child is up at `base_url`."""
        return self.state is EmbeddedState.READY

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is a child."""
        return self._process.pid if self._process else None

    async def start(self) -> str:
        """Start a child and return its base URL (`http://127.0.0.1:PORT/v1`) once it serves.

        Raises `EmbeddedEngineFailed`, and leaves no child behind then.
        """
        assert self._process is None, "start() with a child alive"
        try:
            async with asyncio.timeout(self._ready_timeout_s):
                address = await self._spawn()
        except TimeoutError:
            await self._kill()
            raise EmbeddedEngineFailed(
                f"the engine was not ready within {self._ready_timeout_s:.0f} seconds"
            ) from None
        except BaseException:
            await self._kill()
            raise
        if self.state is EmbeddedState.CLOSED:  # while the child was starting
            await self._kill()
            raise EmbeddedEngineFailed("the engine was closed")
        self.state = EmbeddedState.READY
        self._tell(f"{address}/v1")
        _log.info("embedded engine ready", extra={"model": self._options.alias, "pid": self.pid})
        return f"{address}/v1"

    async def run(self) -> None:
        """Keep a child alive until cancelled or closed; leave none behind.

        Starts one if `start()` was not awaited before. A child that fails is no exception here:
        see `state` and `last_error`.
        """
        failures = 0
        try:
            while True:
                if self._process is not None:
                    failures = await self._outlive(self._process, failures)
                if self.state is EmbeddedState.CLOSED:
                    return
                await asyncio.sleep(self._restart_rule.pause_s(failures))
                try:
                    await self.start()
                except EmbeddedEngineFailed as error:
                    failures += 1
                    self._count(failures, str(error))
        finally:
            await self.close()

    async def close(self) -> None:
        """End the child at once, whatever it is doing; returns when it is gone."""
        self.state = EmbeddedState.CLOSED
        self._tell(None)
        await self._kill()

    async def _spawn(self) -> str:
        """Return the address of a fresh child, or raise; `_process` is set in any case."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # or the child's `import http` would find our http.py
                str(_CHILD),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                # Threads that spin while they wait take the core from the gateway.
                env={**os.environ, KEY_VARIABLE: self.api_key, "OMP_WAIT_POLICY": "passive"},
                # Ctrl-C reaches a whole group; the gateway drains first.
                start_new_session=True,
            )
        except OSError as error:
            raise EmbeddedEngineFailed(f"the engine's process did not start: {error}") from error
        process = self._process
        assert process.stdin and process.stdout and process.stderr
        with suppress(ConnectionError):  # it died already; its log says why
            process.stdin.write(self._options.line(usable_cores()))
            await process.stdin.drain()
        async with asyncio.TaskGroup() as tasks:
            first_line = tasks.create_task(process.stdout.readline())
            log = tasks.create_task(process.stderr.read())  # ends when the child is ready
        return _address(first_line.result(), log.result().decode(errors="replace"))

    async def _outlive(self, process: Process, failures: int) -> int:
        """Wait for the child's end and return the failures in a row, this one included."""
        try:
            async with asyncio.timeout(self._restart_rule.steady_after_s):
                await process.wait()
        except TimeoutError:
            failures = 0
            await process.wait()
        self._process = None
        if self.state is not EmbeddedState.CLOSED:
            self._tell(None)
            self._count(failures + 1, f"the engine's process {_ending(process.returncode)}")
        return failures + 1

    def _count(self, failures: int, error: str) -> None:
        if self.state is EmbeddedState.CLOSED:
            return
        is_loop = failures >= self._restart_rule.loop_after
        self.state = EmbeddedState.UNHEALTHY if is_loop else EmbeddedState.STARTING
        self.last_error = error
        _log.warning("embedded engine failed", extra={"error": error, "failures": failures})

    def _tell(self, base_url: str | None) -> None:
        if base_url != self.base_url:
            self.base_url = base_url
            self._on_address(base_url)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _address(first_line: bytes, log: str) -> str:
    """Read the child's one line, whose absence is a failure too."""
    reason = next((line for line in log.splitlines() if line.strip()), "without a word")
    if not first_line:
        raise EmbeddedEngineFailed(f"the engine's process ended before it was ready: {reason}")
    told = json.loads(first_line)
    if "error" in told:
        error = told["error"]
        reason = f" ({reason})" if log.strip() else ""
        raise EmbeddedEngineFailed(error["message"] + reason, code=error["code"])
    address: str = told["address"]
    return address


def _ending(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"exited with code {returncode}"
