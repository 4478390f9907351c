"""The demo's own server: `forebay serve` as a child process, on a free port and a fresh folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from forebay.core.errors import ForebayError
from forebay.settings import PREFIX

READY_S = 60.0
POLL_S = 0.02
STOP_S = 5.0
LOG_LINES = 5


class DemoServerFailed(ForebayError):
    """The demo's server did not become ready."""

    code = "demo_server_failed"


@contextmanager
def server_of_its_own(
    folder: Path, models_folder: Path, key: str, console: Console
) -> Iterator[str]:
    """Run a server inside `folder` and yield its base URL; it is gone when the block is left.

    Nothing of the person's own settings reaches it, so the demo is the same everywhere.
    """
    ready_file, log_file = folder / "ready", folder / "server.log"
    command = [
        *(sys.executable, "-P", "-m", "forebay.cli.main", "serve"),
        *("--port", "0", "--data-dir", str(folder / "data"), "--ready-file", str(ready_file)),
    ]
    began = time.monotonic()
    with log_file.open("wb") as log:
        child = subprocess.Popen(
            command,
            cwd=folder,  # where no forebay.toml is
            env=_environment(models_folder, key),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours: we end it when we are done with it
        )
    try:
        with console.status("starting the service and its engine"):
            address = _address(child, ready_file, log_file)
        console.print(
            f"\n[green]●[/green] ready in {time.monotonic() - began:.1f} s at "
            f"[bold]{address}[/bold], data in a temporary folder",
            highlight=False,
        )
        yield address
    finally:
        _end(child)


def _environment(models_folder: Path, key: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {
        **kept,
        f"{PREFIX}API_KEY": key,
        f"{PREFIX}MODELS_DIR": str(models_folder.absolute()),
        f"{PREFIX}WEBHOOK_NETWORKS": "127.0.0.0/8",
    }


def _address(child: subprocess.Popen[bytes], ready_file: Path, log_file: Path) -> str:
    """Return the base URL once the server has written it."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if ready_file.exists() and (text := ready_file.read_text()).endswith("\n"):
            return text.strip()
        if child.poll() is not None:
            break
        time.sleep(POLL_S)
    tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-LOG_LINES:])
    raise DemoServerFailed(f"the demo's server did not start; its last words:\n{tail}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the server politely, or else by force; it is gone when this returns."""
    child.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
