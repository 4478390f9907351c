"""A server with OpenAI's endpoints, a table, and a run of it there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.batch.commands import KEY, Words
from tests.cli.batch.standard_server import StandardServer, standard_server


@pytest.fixture
def server() -> Iterator[StandardServer]:
    """A server with the standard endpoints and nothing more."""
    with standard_server() as server:
        yield server


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three rows."""
    path = tmp_path / "in.csv"
    path.write_text("animal\notter\nheron\nwolf\n")
    return path


@pytest.fixture
def words(server: StandardServer, table: Path) -> Words:
    """A run of the table."""
    output = table.with_name("out.csv")
    named = ("--base-url", server.url, "--api-key", KEY)
    return ("run", table, "-o", output, "--prompt", "a {animal}", *named)
