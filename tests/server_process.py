"""The service as a real process: `forebay serve` of this virtual environment, on a free port."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL
from forebay.settings import PREFIX

FOREBAY = str(Path(sys.executable).with_name("forebay"))
KEY = "fb-a-key-for-tests"
READY_S = 60.0
STOP_S = 30.0
POLL_S = 0.02


def clean_environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """Return the environment without any setting of Forebay's, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, **more}


class ServerProcess:
    """A server in `folder`. It may be started, ended and started again on the same data.

    With a `data_dir`, it keeps its data there, as the servers of one database do.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        environ: Mapping[str, str] = {"FOREBAY_API_KEY": KEY},
        data_dir: Path | None = None,
    ) -> None:
        self.data_dir = data_dir or folder / "data"
        self.log_file = folder / "server.log"
        self.output_file = folder / "server.out"
        self.address = ""
        self._folder = folder
        self._ready_file = folder / "ready"
        self._flags = flags
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def headers(self) -> dict[str, str]:
        """What a caller sends to be let in."""
        return {"Authorization": f"Bearer {KEY}"}

    def start(self) -> None:
        """Start it and return once it takes requests; blocks, so off the event loop."""
        self._ready_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log, self.output_file.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(FOREBAY, "serve", "--port", "0", "--data-dir", str(self.data_dir)),
                    *("--ready-file", str(self._ready_file), *self._flags),
                ],
                cwd=self._folder,
                env=clean_environment(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        self.address = self._wait_until_ready(self._process)

    def kill(self) -> None:
        """Kill it as a power cut would; returns when it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask it to stop."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit status once it has ended."""
        assert self._process is not None
        return self._process.wait(STOP_S)

    def end(self) -> None:
        """End it in any case, politely if it listens."""
        if self._process is None or self._process.poll() is not None:
            return
        self.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self.wait()
        finally:
            self.kill()

    def log(self) -> str:
        """Return the events it has logged, over all of its starts."""
        return self.log_file.read_text(errors="replace")

    def engine_pid(self) -> int:
        """Return the process id of the embedded engine that was ready last, and that chats."""
        ready = re.findall(r"embedded engine ready model=(\S+) pid=(\d+)", self.log())
        return int([pid for model, pid in ready if model != DEFAULT_EMBEDDING_MODEL][-1])

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(FileNotFoundError):
                if (text := self._ready_file.read_text()).endswith("\n"):
                    return text.strip()
            time.sleep(POLL_S)
        self.end()
        raise AssertionError(f"the server did not become ready:\n{self.log()[-2000:]}")


def has_ended(pid: int, *, within_s: float) -> bool:
    """Tell whether a process is gone within that time."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


def processes_naming(text: str) -> list[int]:
    """Return the processes whose command line or environment holds `text`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            with suppress(OSError):  # it has ended, or is not ours to look into
                seen = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                if text.encode() in seen:
                    found.append(int(folder.name))
    return found
