"""The closer when the store refuses: it tries again, and not without end at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import BatchStatus
from forebay.lanes.batch.closer import Closer
from forebay.store.database import Database
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine, until
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.submitted import ended
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.lanes.house import CALLER, RETENTION_S, House
from tests.lanes.loops import running
from tests.store.makers import batch_of

LOOKS = 100  # at the database, while a closer that does not pause would have tried many times


class BusyHouse(House):
    """A house whose results may be refused, and whose closer pauses as a test says."""

    def __init__(
        self,
        store: Store,
        segments: BusySegments,
        clock: ManualClock,
        new_id: CountingIds,
        engine: ScriptedEngine,
    ) -> None:
        self.segments = segments
        self.blobs = BusyBlobs(store.blobs)
        store = replace(store, segments=segments, blobs=self.blobs)
        super().__init__(store, clock, new_id, engine)

    def closer_that_pauses(self, after_failure_s: float) -> Closer:
        """Return another closer of the house."""
        return Closer(
            self.batch_worker,
            self.runner,
            self.store,
            self.leases,
            self.control,
            clock=self.clock,
            wake=self.closing,
            retention_s=RETENTION_S,
            after_failure_s=after_failure_s,
        )

    async def cancelling(self) -> str:
        """Begin to cancel a batch of one line, and return its id."""
        batch = await begin(self, chat("a"))
        await self.batches.cancel(CALLER, batch.id)
        return batch.id


@pytest.fixture
def busy(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
) -> BusyHouse:
    """A house whose results are refused at first."""
    segments = BusySegments(database, clock=clock, new_id=new_id)
    return BusyHouse(store, segments, clock, new_id, engine)


async def test_batches_that_cannot_be_closed_are_not_tried_again_at_once(
    busy: BusyHouse,
) -> None:
    busy.segments.refused = 1_000_000
    first, second = [await busy.cancelling() for _ in range(2)]
    busy.blobs.puts = 0

    async def both_were_tried() -> bool:
        await batch_of(busy.store, first)
        return busy.blobs.puts >= 2

    async with running(busy.closer_that_pauses(3600.0).run):
        await until(both_were_tried)
        for _ in range(LOOKS):
            busy.closing.set()
            await batch_of(busy.store, second)
        assert busy.blobs.puts == 2


async def test_a_batch_that_could_not_be_closed_is_closed_later_although_nobody_says_so(
    busy: BusyHouse,
) -> None:
    busy.segments.refused = 1
    batch_id = await busy.cancelling()
    async with running(busy.closer_that_pauses(0.01).run):
        batch = await ended(busy, batch_id)
    assert batch.status is BatchStatus.CANCELLED
