"""`forebay keys`: through a running server, and on a data directory that nobody holds."""

from __future__ import annotations

import http.client
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner, Result

from forebay.cli.keys import KeyInUse, ServerRefused
from forebay.cli.main import app
from forebay.settings import PREFIX
from forebay.wiring.data_directory import DataDirectoryUnusable
from tests.server_process import FOREBAY, ServerProcess, clean_environment

pytestmark = pytest.mark.timeout(60)

NO_ENGINE = "http://127.0.0.1:9/v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose engine is away, with the key that it made at its first start."""
    server = ServerProcess(tmp_path_factory.mktemp("served"), "--engine", NO_ENGINE, environ={})
    server.start()
    yield server
    server.end()


def keys(data_dir: Path, *words: str, columns: int = 120) -> Result:
    """Run `forebay keys` on a data directory."""
    ours = {name: None for name in os.environ if name.startswith(PREFIX)}
    return CliRunner().invoke(
        app, ["keys", *words, "--data-dir", str(data_dir)], env={**ours, "COLUMNS": str(columns)}
    )


def created(data_dir: Path, name: str) -> str:
    """Create a key and return it."""
    answer = keys(data_dir, "create", "--name", name)
    assert answer.exit_code == 0, answer.exception
    return answer.stdout.strip()


def row_of(data_dir: Path, name: str) -> list[str]:
    """Return the cells of the row that lists a key."""
    listed = keys(data_dir, "list")
    assert listed.exit_code == 0, listed.exception
    (row,) = [line for line in listed.stdout.splitlines() if f" {name} " in line]
    return [cell.strip() for cell in row.strip("│").split("│")]


def status_of_a_call(server: ServerProcess, key: str) -> int:
    """Return the status with which the server answers a call with this key."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=10)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_key_made_through_the_server_is_let_in_at_once(server: ServerProcess) -> None:
    assert status_of_a_call(server, created(server.data_dir, "colleague")) == 200


def test_a_key_revoked_through_the_server_is_refused_at_once(server: ServerProcess) -> None:
    key = created(server.data_dir, "leaver")
    key_id = row_of(server.data_dir, "leaver")[0]

    revoked = keys(server.data_dir, "revoke", key_id)

    assert revoked.stdout.strip() == f"revoked {key_id}"
    assert status_of_a_call(server, key) == 401
    assert row_of(server.data_dir, "leaver")[-1] == "revoked"


def test_a_listed_key_shows_its_last_four_letters_only(server: ServerProcess) -> None:
    key = created(server.data_dir, "listed")

    listed = keys(server.data_dir, "list").stdout

    assert key not in listed
    assert row_of(server.data_dir, "listed")[1:] == ["listed", key[-4:], "live"]


def test_revoking_an_unknown_key_through_the_server_is_refused(server: ServerProcess) -> None:
    answer = keys(server.data_dir, "revoke", "key_unknown")

    assert isinstance(answer.exception, ServerRefused)
    assert "key_unknown" in str(answer.exception)


@pytest.mark.parametrize("name", ["api_key", "secret_key", "address"])
def test_a_file_that_tells_a_secret_is_its_owners_alone(server: ServerProcess, name: str) -> None:
    assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600


def test_the_data_directory_is_its_owners_alone(server: ServerProcess) -> None:
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("key_id", ["a b", "key_\u00fc"])
def test_a_word_that_is_no_id_is_refused_by_the_server(server: ServerProcess, key_id: str) -> None:
    answer = keys(server.data_dir, "revoke", key_id)

    assert isinstance(answer.exception, ServerRefused)
    assert f"No live key with id '{key_id}'" in str(answer.exception)


def test_the_command_lines_own_key_is_not_revoked_through_the_server(server: ServerProcess) -> None:
    answer = keys(server.data_dir, "revoke", row_of(server.data_dir, "first key")[0])

    assert isinstance(answer.exception, ServerRefused)
    assert "A key cannot revoke itself" in str(answer.exception)
    assert row_of(server.data_dir, "first key")[-1] == "live"


def test_the_command_lines_own_key_is_not_revoked_without_a_server(tmp_path: Path) -> None:
    created(tmp_path, "other")

    answer = keys(tmp_path, "revoke", row_of(tmp_path, "first key")[0])

    assert isinstance(answer.exception, KeyInUse)
    assert row_of(tmp_path, "first key")[-1] == "live"


def test_an_id_is_listed_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    name = "a name that is long enough to need two lines of its column"
    created(tmp_path, name)
    listed = keys(tmp_path, "list", columns=80).stdout

    assert len(re.findall(r"key_[0-9a-f]{36}\b", listed)) == 2


@pytest.mark.parametrize("words", [("list",), ("revoke", "key_1")])
def test_a_data_directory_that_is_not_there_is_not_made_to_look_into(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    answer = keys(tmp_path / "absent", *words)

    assert isinstance(answer.exception, DataDirectoryUnusable)
    assert "it is not there" in str(answer.exception)
    assert not (tmp_path / "absent").exists()


def test_the_data_directory_may_be_named_by_a_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"')

    answer = CliRunner().invoke(app, ["keys", "create", "--config", str(config)])

    assert answer.exit_code == 0, answer.exception
    assert (tmp_path / "data" / "api_key").exists()


def test_everything_in_a_directory_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    created(tmp_path, "any")

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes
    assert [path for path, mode in modes.items() if mode & 0o077] == []


def test_keys_are_made_and_revoked_without_a_server(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    key = created(data_dir, "early")
    key_id, *_, state = row_of(data_dir, "early")

    assert key.startswith("fb-")
    assert state == "live"
    assert keys(data_dir, "revoke", key_id).exit_code == 0
    assert row_of(data_dir, "early")[-1] == "revoked"


def test_revoking_an_unknown_key_without_a_server_fails_in_one_line(tmp_path: Path) -> None:
    answer = subprocess.run(
        [FOREBAY, "keys", "revoke", "key_unknown", "--data-dir", str(tmp_path)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert answer.returncode == 1
    assert answer.stderr == "forebay: there is no live key with the id key_unknown\n"


def test_a_key_made_before_the_first_start_is_let_in_and_the_keys_can_still_be_managed(
    tmp_path: Path,
) -> None:
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE, environ={})
    key = created(server.data_dir, "early")
    try:
        server.start()

        assert status_of_a_call(server, key) == 200
        assert keys(server.data_dir, "revoke", row_of(server.data_dir, "early")[0]).exit_code == 0
        assert status_of_a_call(server, key) == 401
    finally:
        server.end()


def test_after_a_killed_server_keys_work_on_the_directory_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE, environ={})
    server.start()
    server.kill()
    assert (server.data_dir / "address").exists()

    assert created(server.data_dir, "later").startswith("fb-")
