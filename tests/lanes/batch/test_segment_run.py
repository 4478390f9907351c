"""The running of segments: results are real once recorded, and only what is not recorded runs."""

from __future__ import annotations

from dataclasses import replace

from forebay.core.batches import BatchStatus
from forebay.lanes.batch.plan import SEGMENT_LINES
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, says
from tests.lanes.batch.submitted import (
    DAY_NANOS,
    ended,
    line,
    loops,
    recorded,
    results,
    submit,
)
from tests.lanes.busy_store import BusyBlobs
from tests.lanes.house import House, running
from tests.store.makers import batch_of


async def test_every_line_is_run_once_and_billed(house: House) -> None:
    names = [f"row-{number}" for number in range(9)]
    batch_id = await submit(house, *[line(name) for name in names])
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.COMPLETED
    assert sorted(house.engine.prompts) == names
    assert set(await results(house, batch.output_file_id)) == set(names)
    assert batch.cost_nanos == 9 * DAY_NANOS
    assert (await house.charges())[1] == 9 * DAY_NANOS
    assert house.replica.in_flight == 0


async def test_a_batch_of_several_segments_is_run_whole(house: House) -> None:
    names = [f"row-{number}" for number in range(SEGMENT_LINES + 5)]
    batch_id = await submit(house, *[line(name) for name in names])
    async with loops(house):
        batch = await ended(house, batch_id)
    assert set(await results(house, batch.output_file_id)) == set(names)


async def test_results_can_be_read_while_the_batch_runs(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate, *says("done")]
    batch_id = await submit(house, line("slow"), line("fast"))
    async with loops(house):
        await gate.reached.wait()
        batch = await recorded(house, batch_id, 1)
        assert batch.status is BatchStatus.IN_PROGRESS
        assert set(await results(house, batch.output_file_id)) == {"fast"}
        gate.open()
        batch = await ended(house, batch_id)
    assert set(await results(house, batch.output_file_id)) == {"slow", "fast"}


async def test_only_lines_without_a_recorded_result_run_after_a_restart(
    house: House, store: Store, clock: ManualClock, new_id: CountingIds
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate]
    batch_id = await submit(house, line("one"), line("slow"), line("two"))
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, batch_id, 2)
    await store.leases.void_all()  # as every start does
    engine = ScriptedEngine()
    restarted = House(store, clock, new_id, engine)
    async with loops(restarted), running(restarted.webhooks.run):
        batch = await ended(restarted, batch_id)
    assert engine.prompts == ["slow"]
    assert set(await results(restarted, batch.output_file_id)) == {"one", "slow", "two"}
    assert (await restarted.charges())[1] == 3 * DAY_NANOS


async def test_a_result_that_is_not_recorded_yet_runs_again(
    house: House, store: Store, clock: ManualClock, new_id: CountingIds
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate, *says("lost")]
    batch_id = await submit(house, line("slow"))
    async with loops(house):
        await gate.reached.wait()
        # As after a crash: the lease is void, so the result can no more be recorded.
        await store.leases.void_all()
        gate.open()
        await house.engine.has_ended.wait()
    assert (await batch_of(store, batch_id)).completed_count == 0
    await store.leases.void_all()  # as every start does
    engine = ScriptedEngine()
    restarted = House(store, clock, new_id, engine)
    async with loops(restarted), running(restarted.webhooks.run):
        batch = await ended(restarted, batch_id)
    assert engine.prompts == ["slow"]
    assert batch.completed_count == 1


async def test_a_worker_that_stops_records_what_is_done(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate]
    batch_id = await submit(house, line("fast"), line("slow"))
    async with loops(house):
        await gate.reached.wait()
        await house.engine.has_ended.wait()
    batch = await batch_of(house.store, batch_id)
    assert (batch.status, batch.completed_count) == (BatchStatus.IN_PROGRESS, 1)
    (segment,) = await house.store.segments.unfinished(batch_id)
    assert segment.lease_id is None
    assert house.replica.in_flight == 0


async def test_results_that_a_busy_disk_refuses_are_recorded_later_and_run_once(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> None:
    blobs = BusyBlobs(store.blobs)
    house = House(replace(store, blobs=blobs), clock, new_id, engine)
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("done")]
    batch_id = await submit(house, line("slow"), line("fast"))
    async with loops(house), running(house.webhooks.run):
        await gate.reached.wait()
        blobs.refused_puts = 3
        gate.open()
        batch = await ended(house, batch_id)
    assert sorted(engine.prompts) == ["fast", "slow"]
    assert blobs.refused_puts == 0
    assert set(await results(house, batch.output_file_id)) == {"slow", "fast"}
    assert (await house.charges())[1] == 2 * DAY_NANOS


async def test_a_segment_that_cannot_be_read_for_a_moment_is_run_later(
    store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
) -> None:
    blobs = BusyBlobs(store.blobs)
    house = House(replace(store, blobs=blobs), clock, new_id, engine)
    blobs.refused_gets = 2
    batch_id = await submit(house, line("a"))
    async with loops(house), running(house.webhooks.run):
        batch = await ended(house, batch_id)
    assert (batch.status, batch.completed_count) == (BatchStatus.COMPLETED, 1)
    assert blobs.refused_gets == 0
