"""Segments that are given back: what is done is recorded, and the worker lives on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import LineOutcome
from forebay.core.projects import DEFAULT_PROJECT
from forebay.dialects.turn import Delta
from forebay.lanes.batch.remains import BatchRemains
from forebay.lanes.batch.segment_run import LAST_FLUSHES
from forebay.lanes.batch.unrun_lines import UnrunLines
from forebay.lanes.batch.worker import BatchWorker
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, until
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.batch.submitted import ended
from tests.lanes.busy_store import BusyBlobs
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import batch_of


class PatientHouse(House):
    """A house whose results gather for very long, over blobs that may be refused."""

    def __init__(
        self, store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
    ) -> None:
        self.blobs = BusyBlobs(store.blobs)
        super().__init__(replace(store, blobs=self.blobs), clock, new_id, engine)

    def patient_worker(self) -> BatchWorker:
        """Return what runs batches here."""
        worker = BatchWorker(
            self.runner,
            self.dispatcher,
            self.store,
            self.leases,
            self.control,
            clock=self.clock,
            on_progress=self.closing.set,
            flush_after_s=3600.0,
            after_failure_s=0.0,
        )
        worker.feed(self.served)
        return worker

    async def has_run(self, count: int) -> bool:
        """Tell whether so many lines have been answered."""
        await self.store.leases.reap()
        return len(self.engine.ended) == count


@pytest.fixture
def patient(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> PatientHouse:
    """A house with nothing refused so far."""
    return PatientHouse(store, clock, new_id, engine)


@pytest.mark.parametrize(
    ("refused", "kept"), [(LAST_FLUSHES - 1, 5), (LAST_FLUSHES, 0)], ids=["blip", "outage"]
)
async def test_what_is_done_is_recorded_at_the_end_though_a_write_is_refused(
    patient: PatientHouse, refused: int, kept: int
) -> None:
    gate = Gate()
    patient.engine.by_prompt["slow"] = [gate]
    begun = await begin(patient, *[chat(f"row-{number}") for number in range(5)], chat("slow"))
    async with running(patient.patient_worker().run):
        await until(lambda: patient.has_run(5))
        patient.blobs.refused_puts = refused
    batch = await batch_of(patient.store, begun.id)
    assert batch.completed_count == kept
    assert (batch.waste_nanos == 0) == bool(kept)
    (segment,) = await patient.store.segments.unfinished(begun.id)
    assert segment.lease_id is None


async def test_a_worker_that_gives_back_what_was_deleted_lives_on(
    house: House, ledgers: Ledgers
) -> None:
    """A batch is cancelled, ended and deleted elsewhere, while this process stood still."""
    gate = Gate()
    house.engine.by_prompt["slow"] = [[Delta(text="half")], gate]
    begun = await begin(house, chat("slow"))
    async with running(house.batch_worker.run):
        await gate.reached.wait()
        await end_elsewhere(house, begun.id)
        async with running(house.leases.run):  # it is told that its lease is lost
            await house.engine.was_cancelled.wait()
        other = await begin(house, chat("other"))
        house.batch_worker.wake()
        async with running(house.closer.run):
            assert (await ended(house, other.id)).completed_count == 1
    (waste,) = await ledgers.entries("waste")
    assert waste[3] == 1


async def end_elsewhere(house: House, batch_id: str) -> None:
    """Cancel, end and delete the batch as another process does that has found its lease old."""
    store = house.store
    house.clock.move(61)
    assert await store.batches.cancel(await batch_of(store, batch_id))
    await store.leases.reap()
    unrun = UnrunLines(house.runner, store, house.leases, clock=house.clock)
    assert await unrun.end(await batch_of(store, batch_id), LineOutcome.CANCELLED)
    await store.batches.end_cancelled(batch_id)
    assert await store.batches.delete(DEFAULT_PROJECT, batch_id)
    remains = BatchRemains(store, clock=house.clock)
    while await remains.step():
        pass
    assert await store.batches.get(CALLER.project_id, batch_id) is None
