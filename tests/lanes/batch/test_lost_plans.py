"""Segments that cannot be read: others go first meanwhile, and their batch ends all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from forebay.core.batches import Batch, BatchStatus
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.batch.closer import Closer
from forebay.lanes.batch.contents import Contents
from forebay.lanes.batch.lines import encode_line
from forebay.store.store import Store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine, until
from tests.lanes.batch.begun import begin, begin_texts, chat
from tests.lanes.batch.submitted import ended, recorded, results
from tests.lanes.busy_store import BusyBlobs
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import batch_of

DAY_S = 86_400.0


class BusyHouse(House):
    """A house whose blobs refuse to be read when a test says so."""

    def __init__(
        self, store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
    ) -> None:
        self.blobs = BusyBlobs(store.blobs)
        super().__init__(replace(store, blobs=self.blobs), clock, new_id, engine)

    async def was_refused(self) -> bool:
        """Tell whether all was refused that was to be."""
        await self.store.leases.reap()
        return self.blobs.refused_gets == 0


@pytest.fixture
def busy(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> BusyHouse:
    """A house whose blobs can be read so far."""
    return BusyHouse(store, clock, new_id, engine)


async def lose_plan(house: House, batch: Batch) -> None:
    """Delete the blob that the batch's segments are in."""
    segment = await house.store.segments.at(batch.id, 0)
    assert segment is not None
    await house.store.blobs.delete(segment.blob_id)


async def errors_of(house: House, batch: Batch) -> list[dict[str, Any]]:
    """Return the lines of the batch's error file, whose custom ids may be the same."""
    file = await house.store.files.get(DEFAULT_PROJECT, str(batch.error_file_id))
    assert file is not None
    contents = Contents(house.store)
    pieces = [piece async for piece in contents.pieces(await contents.extents(file))]
    return [json.loads(text) for text in b"".join(pieces).splitlines()]


async def test_a_lost_plan_does_not_hold_back_other_batches(house: House) -> None:
    await lose_plan(house, await begin(house, chat("lost")))
    good = await begin(house, chat("good"))
    async with running(house.batch_worker.run, house.closer.run):
        batch = await ended(house, good.id)
    assert batch.status is BatchStatus.COMPLETED
    assert house.engine.prompts == ["good"]


async def test_a_segment_that_cannot_be_read_for_a_moment_is_run_later(busy: BusyHouse) -> None:
    begun = await begin(busy, chat("a"))
    async with running(busy.batch_worker.run, busy.closer.run):
        for pause_s in (2, 4):
            busy.blobs.refused_gets = 1
            busy.batch_worker.wake()
            await until(busy.was_refused)
            await recorded(busy, begun.id, 0)
            busy.clock.move(pause_s)
        busy.batch_worker.wake()
        batch = await ended(busy, begun.id)
    assert (batch.status, batch.completed_count) == (BatchStatus.COMPLETED, 1)
    assert busy.engine.prompts == ["a"]


async def test_a_segment_that_cannot_be_read_does_not_hold_back_those_behind_it(
    busy: BusyHouse,
) -> None:
    begun = await begin(busy, chat("a"), chat("b"), segment_lines=1)
    busy.blobs.refused_gets = 1
    async with running(busy.batch_worker.run):
        await until(busy.was_refused)
        busy.clock.move(1)
        busy.batch_worker.wake()
        await recorded(busy, begun.id, 1)
        assert busy.engine.prompts == ["b"]


async def test_a_batch_whose_plan_is_lost_can_be_cancelled(house: House) -> None:
    begun = await begin(house, chat("a"), chat("b"))
    await lose_plan(house, begun)
    await house.batches.cancel(CALLER, begun.id)
    async with running(house.batch_worker.run, house.closer.run):
        batch = await ended(house, begun.id)
    assert (batch.status, batch.cancelled_count) == (BatchStatus.CANCELLED, 2)
    errors = await errors_of(house, batch)
    assert [(each["custom_id"], each["error"]["code"]) for each in errors] == [
        (None, "batch_cancelled")
    ] * 2


async def test_a_batch_whose_plan_is_lost_expires(house: House) -> None:
    begun = await begin(house, chat("a"), chat("b"))
    await lose_plan(house, begun)
    house.clock.move(DAY_S)
    async with running(house.batch_worker.run, house.closer.run):
        batch = await ended(house, begun.id)
    assert (batch.status, batch.expired_count) == (BatchStatus.EXPIRED, 2)
    assert len(await errors_of(house, batch)) == 2


async def test_lines_keep_their_ids_though_their_plan_cannot_be_read_at_first(
    busy: BusyHouse,
) -> None:
    begun = await begin(busy, chat("a"))
    await busy.batches.cancel(CALLER, begun.id)
    busy.blobs.refused_gets = 1
    closer = Closer(
        busy.batch_worker,
        busy.runner,
        busy.store,
        busy.leases,
        busy.control,
        clock=busy.clock,
        wake=busy.closing,
        retention_s=DAY_S,
        after_failure_s=0.0,
    )
    async with running(closer.run):
        batch = await ended(busy, begun.id)
    assert set(await results(busy, batch.error_file_id)) == {"a"}


async def test_a_line_that_cannot_be_read_is_its_own_failure_alone(house: House) -> None:
    torn = b'{"custom_id":"torn","body":[]}\n'
    begun = await begin_texts(
        house, encode_line(chat("a")), torn, b"\xff\n", encode_line(chat("b"))
    )
    async with running(house.batch_worker.run, house.closer.run):
        batch = await ended(house, begun.id)
    assert (batch.status, batch.completed_count) == (BatchStatus.COMPLETED, 2)
    assert batch.engine_failed_count == 2
    errors = await errors_of(house, batch)
    assert [(each["custom_id"], each["response"]["status_code"]) for each in errors] == [
        ("torn", 500),
        (None, 500),
    ]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_plan_that_is_cut_short_has_a_result_for_each_of_its_lines(
    house: House, is_cancelled: bool
) -> None:
    begun = await begin_texts(house, encode_line(chat("a")), b"", b"")
    if is_cancelled:
        await house.batches.cancel(CALLER, begun.id)
    async with running(house.batch_worker.run, house.closer.run):
        batch = await ended(house, begun.id)
    assert batch.ended_count == batch.total_count == 3
    assert batch.cancelled_count == 3 * is_cancelled
    assert (await batch_of(house.store, begun.id)).engine_failed_count == 2 * (not is_cancelled)
