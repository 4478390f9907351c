"""What tests of batches look at beside the house."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lanes.batch.ledgers import Ledgers


@pytest.fixture
def ledgers(tmp_path: Path, database_url: str | None) -> Ledgers:
    """The ledger of the test's database."""
    return Ledgers(tmp_path / "test.sqlite", database_url)
