"""One data directory, one server: a second one is refused and does the first no harm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import FOREBAY, KEY, ServerProcess, clean_environment

NO_ENGINE = "http://127.0.0.1:9/v1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose engine is away."""
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE)
    server.start()
    yield server
    server.end()


def second(server: ServerProcess) -> subprocess.CompletedProcess[str]:
    """Start another server on the same data and return how it ended."""
    return subprocess.run(
        [
            *(FOREBAY, "serve", "--port", "0", "--engine", NO_ENGINE),
            *("--data-dir", str(server.data_dir)),
        ],
        env=clean_environment({"FOREBAY_API_KEY": KEY}),
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_second_server_on_the_same_data_is_refused(server: ServerProcess) -> None:
    refused = second(server)

    assert refused.returncode == 1
    assert "in use by another forebay server" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_a_refused_server_leaves_the_first_ones_address(server: ServerProcess) -> None:
    address = (server.data_dir / "address").read_text()

    second(server)

    assert (server.data_dir / "address").read_text() == address


def test_the_data_of_a_killed_server_can_be_taken_at_once(server: ServerProcess) -> None:
    server.kill()

    server.start()

    assert server.address
