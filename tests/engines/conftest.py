"""Two event loops for the HTTP client: the service runs on uvloop, an embedder may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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
