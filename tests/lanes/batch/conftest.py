"""What tests of batches look at beside the house."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forebay.lanes.batch.results import ResultBuffer
from forebay.lanes.batch.room import Room
from forebay.store.database import Database
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock
from tests.lanes.batch.gathering import Gathering
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.store.makers import LEASED_UNTIL, begun, segment


@pytest.fixture
def ledgers(tmp_path: Path, database_url: str | None) -> Ledgers:
    """The ledger of the test's database."""
    return Ledgers(tmp_path / "test.sqlite", database_url)


@pytest.fixture
async def gathering(
    store: Store, database: Database, clock: ManualClock, new_id: CountingIds
) -> Gathering:
    """A buffer for a segment of a thousand lines."""
    await begun(store, segment(lines=1000))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    held, batch = claimed
    blobs = BusyBlobs(store.blobs)
    segments = BusySegments(database, clock=clock, new_id=new_id)
    busy = replace(store, blobs=blobs, segments=segments)
    room = Room(max_bytes=1)
    buffer = ResultBuffer(busy, held, batch, clock=clock, room=room)
    return Gathering(store, blobs, segments, held.id, buffer, room)
