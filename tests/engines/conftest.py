"""A package index of one's own; and two event loops for the HTTP client.

The service runs on uvloop, an embedder may not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

_CLIENT_TESTS = ("test_http", "test_upstream_")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run the client's tests on both loops: their transports differ in how they end."""
    if item.path.name.startswith(_CLIENT_TESTS):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An empty folder for the wheels of a package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    return folder
