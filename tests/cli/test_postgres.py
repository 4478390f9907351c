"""The command line with a PostgreSQL database: its keys, its servers, and its errors."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner, Result

from forebay.cli.main import app
from forebay.settings import PREFIX
from tests.server_process import FOREBAY, ServerProcess, clean_environment

pytestmark = pytest.mark.timeout(60)
on_postgres = pytest.mark.parametrize("database_kind", ["postgres"])

NO_ENGINE = "http://127.0.0.1:9/v1"
ANSWER_S = 10.0


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    """What makes a command use the database."""
    return {"FOREBAY_DATABASE_URL": database_url}


@pytest.fixture
def server(tmp_path: Path, environ: dict[str, str]) -> Iterator[ServerProcess]:
    """A running server whose engine is away."""
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE, environ=environ)
    server.start()
    yield server
    server.end()


def keys(environ: dict[str, str], data_dir: Path, *words: str) -> Result:
    """Run `forebay keys`."""
    ours = {name: None for name in os.environ if name.startswith(PREFIX)}
    words = ("keys", *words, "--data-dir", str(data_dir))
    return CliRunner().invoke(app, list(words), env={**ours, **environ, "COLUMNS": "120"})


def status_of_a_call(server: ServerProcess, key: str) -> int:
    """Return the status with which the server answers a call with this key."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=ANSWER_S)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


@on_postgres
def test_a_key_that_is_made_past_a_running_server_is_let_in_there(
    server: ServerProcess, environ: dict[str, str], tmp_path: Path
) -> None:
    """The command has no address of the server: it works on the database, and tells of it."""
    made = keys(environ, tmp_path / "elsewhere", "create", "--name", "colleague")
    assert made.exit_code == 0, made.exception
    key = made.stdout.strip()
    assert became(200, server, key)
    (row,) = [
        line
        for line in keys(environ, tmp_path / "elsewhere", "list").stdout.splitlines()
        if "colleague" in line
    ]
    key_id = row.strip("│").split("│")[0].strip()
    assert keys(environ, tmp_path / "elsewhere", "revoke", key_id).exit_code == 0
    assert became(401, server, key)


def became(status: int, server: ServerProcess, key: str) -> bool:
    """Tell whether the server answers so after a few calls; each takes its time."""
    return any(status_of_a_call(server, key) == status for _ in range(1000))


@on_postgres
def test_a_server_leaves_the_address_of_another_alone(
    server: ServerProcess, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    other = ServerProcess(
        tmp_path / "second",
        *("--engine", NO_ENGINE, "--data-dir", str(server.data_dir)),
        environ=environ,
    )
    address = server.data_dir / "address"
    other.start()
    assert address.read_text().strip() == other.address
    server.end()
    assert address.read_text().strip() == other.address
    other.end()
    assert not address.exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql://user:hidden@127.0.0.1:9/name",
            "127.0.0.1:9/name cannot be used: Connection refused",
        ),
        ("mysql://user:hidden@127.0.0.1/name", "database_url: it must begin with postgresql://"),
        ("postgresql://user:hid/den@127.0.0.1/name", "database_url is not like postgresql://"),
    ],
)
@pytest.mark.parametrize(
    "words", [("serve", "--port", "0", "--engine", NO_ENGINE), ("keys", "list")]
)
def test_a_database_that_cannot_be_used_is_told_without_a_traceback(
    tmp_path: Path, words: tuple[str, ...], url: str, said: str
) -> None:
    answer = subprocess.run(
        [FOREBAY, *words, "--data-dir", str(tmp_path / "data")],
        env=clean_environment({"FOREBAY_DATABASE_URL": url}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("forebay: ")
    assert said in " ".join(answer.stderr.split())  # lines are cut for the terminal
    assert "hid" not in answer.stderr
    assert "Traceback" not in answer.stderr
