"""One server for all tests of this folder, an engine behind it, and clients in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.environments import Clients
from tests.clients.scripted_engine import MODEL as ENGINE_MODEL
from tests.clients.scripted_engine import ScriptedEngine, scripted_engine
from tests.server_process import KEY, ServerProcess

TIMEOUT_S = 120
MODEL = "acme/scripted"
# Command lines insist on their makers' names.
ALIASES = ["claude-forebay", "gpt-forebay"]
SETTINGS = f"""
[models."{MODEL}"]
engines = ["%s"]
engine_model = "{ENGINE_MODEL}"
aliases = {ALIASES}
price = {{ input = "1.00", cached = "0.50", output = "2.00" }}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder its longer time: a client starts slowly."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def running_engine() -> Iterator[ScriptedEngine]:
    """The engine behind the server."""
    with scripted_engine() as engine:
        yield engine


@pytest.fixture
def engine(running_engine: ScriptedEngine) -> ScriptedEngine:
    """The engine, which remembers what it heard in this test."""
    running_engine.forget()
    return running_engine


@pytest.fixture(scope="session")
def server(
    running_engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """The server, a process of its own."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "forebay.toml").write_text(SETTINGS % running_engine.url)
    server = ServerProcess(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def clients(server: ServerProcess, engine: ScriptedEngine, tmp_path: Path) -> Clients:
    """What runs clients against the server, each test in a home of its own."""
    return Clients(home=tmp_path, address=server.address, key=KEY, model=MODEL)
