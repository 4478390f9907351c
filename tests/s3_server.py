"""A real server of the S3 protocol for tests: one a session, over a folder of its own.

It is `rclone serve s3`. It keeps to the protocol but for two things that matter to us: it calls
stretches whole objects (`forebay.store.object_stretches` copes with that), and it takes no notice
of conditions on what is put (`forebay.wiring.belonging` reads the mark of a place again).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ACCESS_KEY = "forebay-tests"
SECRET_KEY = "not-a-secret"
BUCKET = "forebay"
START_S = 15.0
STOP_S = 10.0
POLL_S = 0.01
# Runs a program until whoever started it closes its input, or is gone, even by kill -9.
UNTIL_CLOSED = '"$@" & child=$!; read -r _; kill -KILL $child; wait $child'


class S3Server:
    """A server that takes requests when it is built."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="forebay-s3-"))
        self._buckets = self._folder / "buckets"
        # Before the server starts: it does not see what is made behind its back.
        (self._buckets / BUCKET).mkdir(parents=True)
        self._made = 0
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self._port: int = listening.getsockname()[1]
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a client finds the server and is let in."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def start(self) -> None:
        """Start the server, at the same port each time, and return when it takes connections."""
        rclone = Path(sys.executable).with_name("rclone")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("/bin/sh", "-c", UNTIL_CLOSED, "sh", str(rclone), "serve", "s3"),
                    *("--addr", f"127.0.0.1:{self._port}"),
                    *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"),
                    *("--config", os.devnull, str(self._buckets)),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath, "HOME": str(self._folder)},
                start_new_session=True,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End the server as a crash would; returns when it is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(STOP_S)

    def end(self) -> None:
        """End the server for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def place(self) -> str:
        """Return the URL of an empty place in the bucket."""
        self._made += 1
        return f"s3://{BUCKET}/place-{self._made}"

    def files(self, url: str) -> list[Path]:
        """Return whatever the server keeps of the place, unfinished uploads too."""
        folder = self._buckets / url.removeprefix("s3://")
        return [path for path in folder.rglob("*") if path.is_file()]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        self.stop()
        raise AssertionError((self._folder / "log").read_text()[-2000:])
