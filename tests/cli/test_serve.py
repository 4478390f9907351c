"""`forebay serve`: where it listens, and what it says when it is ready."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import FOREBAY, KEY, ServerProcess, clean_environment

pytestmark = pytest.mark.timeout(60)

NO_ENGINE = "http://127.0.0.1:9/v1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that was not started yet, whose engine is away."""
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE, environ={})
    yield server
    server.end()


def refused(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is not to start, and return how it ended."""
    return subprocess.run(
        [FOREBAY, "serve", "--data-dir", str(folder / "data"), *flags],
        cwd=folder,
        env=clean_environment({"COLUMNS": "200"}),
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_ready_file_names_the_free_port_that_was_taken(server: ServerProcess) -> None:
    server.start()

    host, port = server.address.removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=5):
        pass


def test_a_server_that_stops_takes_its_address_with_it(server: ServerProcess) -> None:
    server.start()
    assert (server.data_dir / "address").read_text().strip() == server.address

    server.terminate()

    assert server.wait() == 0
    assert not (server.data_dir / "address").exists()


def test_a_port_in_use_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ended = refused(tmp_path, "--engine", NO_ENGINE, "--port", str(port))

    assert ended.returncode == 1
    assert ended.stderr == (
        f"forebay: cannot listen on 127.0.0.1:{port} (Address already in use); "
        "choose another with --port, or any free one with --port 0\n"
    )
    assert not (tmp_path / "data").exists()


def test_an_engine_that_is_no_url_is_refused_in_one_line(tmp_path: Path) -> None:
    ended = refused(tmp_path, "--engine", "gpu-host", "--port", "0")

    assert ended.returncode == 1
    assert "gpu-host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_that_only_makes_embeddings_cannot_be_the_one_that_chats(tmp_path: Path) -> None:
    ended = refused(tmp_path, "--model", "all-minilm-l6-v2", "--port", "0")

    assert ended.returncode == 1
    assert ended.stderr.startswith("forebay: 'all-minilm-l6-v2' makes embeddings and cannot chat")


def test_a_model_file_that_is_missing_is_named(tmp_path: Path) -> None:
    ended = refused(tmp_path, "--model", "absent.gguf", "--port", "0")

    assert ended.returncode == 1
    assert ended.stderr == "forebay: there is no model file absent.gguf\n"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--port", "99999"), "port"),
        (("--data-dir", "/dev/null/data"), "/dev/null/data"),
        (("--ready-file", "/absent/ready"), "/absent"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_refused_in_one_line(
    tmp_path: Path, flags: tuple[str, ...], named: str
) -> None:
    ended = refused(tmp_path, "--engine", NO_ENGINE, "--port", "0", *flags)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("forebay: ")
    assert named in ended.stderr


def test_the_first_key_is_shown_by_the_first_start_only(server: ServerProcess) -> None:
    server.start()
    key = (server.data_dir / "api_key").read_text().strip()
    first = server.output_file.read_text()
    server.end()
    server.start()
    second = server.output_file.read_text()

    assert f"API key (shown once): {key}" in first
    assert key not in second
    assert str(server.data_dir / "api_key") in second
    assert key not in server.log()


def test_a_key_from_the_environment_is_never_shown(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "--engine", NO_ENGINE)
    try:
        server.start()

        assert "FOREBAY_API_KEY" in server.output_file.read_text()
        assert KEY not in server.output_file.read_text() + server.log()
    finally:
        server.end()


def test_the_banner_shows_how_to_begin_with_this_address(server: ServerProcess) -> None:
    server.start()

    banner = server.output_file.read_text()

    assert f"curl {server.address}/v1/chat/completions" in banner
    assert f'OpenAI(base_url="{server.address}/v1"' in banner
    assert f'Anthropic(base_url="{server.address}"' in banner


def test_a_connection_that_is_refused_is_no_error_of_the_server(server: ServerProcess) -> None:
    server.start()
    host, port = server.address.removeprefix("http://").split(":")
    handshake = "\r\n".join(
        [
            "GET /v1/responses HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Authorization: Bearer nobody's",
            *("", ""),
        ]
    )
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(handshake.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"invalid_api_key" in answer
    server.terminate()
    assert server.wait() == 0
    assert "ERROR" not in server.log_file.read_text()
