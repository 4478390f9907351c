"""Crash tests start, kill and restart real servers; they get more time than others."""

from __future__ import annotations

import pytest

TIMEOUT_S = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder its longer time."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))
