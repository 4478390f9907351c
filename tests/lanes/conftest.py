"""A house of lanes for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.lanes.house import House
from tests.lanes.loops import running


@pytest.fixture
async def house(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> AsyncIterator[House]:
    """The lanes, their loops not running yet."""
    house = House(store, clock, new_id, engine)
    yield house
    # Its run closes what it holds.
    async with running(house.webhooks.run):
        pass
