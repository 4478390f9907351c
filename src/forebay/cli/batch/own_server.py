"""A server of the command's own: `forebay serve` as a child, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from forebay.cli.batch.endings import CommandRefused

READY_S = 120.0
POLL_S = 0.02
AFTER_GRACE_S = 5.0
LOG_LINES = 5
LOG_BYTES = 64 * 1024


class ServerFailed(CommandRefused):
    """The command's own server did not become ready."""

    code = "server_failed"


@asynccontextmanager
async def own_server(flags: list[str], *, grace_s: float) -> AsyncIterator[str]:
    """Run `forebay serve` with these flags and yield its base URL; it is gone behind the block.

    `grace_s` is how long it lets calls go on at its end. Raises `ServerFailed`.
    """
    # Files without names: whatever ends us, nothing of them is left.
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as ready:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "forebay.cli.batch.child", "serve", *flags),
            *("--host", "127.0.0.1", "--port", "0"),
            *("--ready-file", f"/dev/fd/{ready.fileno()}"),
            env={**os.environ, "COLUMNS": "1000"},  # its last words stay on their lines
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=log,
            pass_fds=(ready.fileno(),),
            start_new_session=True,  # Ctrl-C is ours: it is ended when we are done with it
        )
        try:
            yield await _address(child, ready.fileno(), log.fileno())
        finally:
            await _end(child, within_s=grace_s + AFTER_GRACE_S)


async def _address(child: Process, ready: int, log: int) -> str:
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_S):
            while child.returncode is None:
                if (text := _text(ready)).endswith("\n"):
                    return text.strip()
                await asyncio.sleep(POLL_S)
    words = "\n".join(_text(log).splitlines()[-LOG_LINES:])
    raise ServerFailed(f"the server for this command did not start; its last words:\n{words}")


async def _end(child: Process, *, within_s: float) -> None:
    """End it politely, or by force when that takes too long or is cancelled; it is gone then."""
    assert child.stdin is not None
    child.stdin.close()
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _text(file: int) -> str:
    # Where the child writes to must not be moved by a reader of the same file.
    size = os.fstat(file).st_size
    return os.pread(file, LOG_BYTES, max(0, size - LOG_BYTES)).decode(errors="replace")
