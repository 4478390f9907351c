"""The running of segments: results are real once recorded, and only what is not recorded runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import BatchStatus
from forebay.core.engine_errors import EngineFailed
from forebay.dialects.turn import Delta
from forebay.lanes.batch.results import FULL_LINES
from forebay.lanes.batch.segment_run import flush_after_s
from forebay.lanes.batch.segment_writer import SEGMENT_LINES
from forebay.lanes.batch.worker import BatchWorker
from forebay.store.database import Database
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, says
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.batch.submitted import (
    DAY_NANOS,
    ended,
    line,
    loops,
    recorded,
    results,
    submit,
)
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.lanes.house import House
from tests.lanes.loops import running
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


@pytest.mark.parametrize(
    ("ran_s", "expected_s"), [(0, 1), (99, 1), (300, 3), (1500, 15), (86_400, 15)]
)
def test_the_longer_a_batch_runs_the_older_its_results_may_grow(
    ran_s: float, expected_s: float
) -> None:
    assert flush_after_s(ran_s) == expected_s


async def test_a_full_chunk_is_recorded_without_waiting_for_its_age(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate, *says("done")]
    names = [f"row-{number}" for number in range(FULL_LINES)]
    worker = BatchWorker(
        house.runner,
        house.dispatcher,
        house.store,
        house.leases,
        house.control,
        clock=house.clock,
        on_progress=house.closing.set,
        flush_after_s=1000.0,
    )
    worker.feed(house.served)
    begun = await begin(
        house, chat("slow"), *[chat(name) for name in names], segment_lines=2 * FULL_LINES
    )
    async with running(worker.run, house.closer.run):
        await recorded(house, begun.id, FULL_LINES)
        gate.open()
        await ended(house, begun.id)
    sizes = [chunk.line_count for chunk in await house.store.segments.all_chunks(begun.id)]
    assert sizes == [FULL_LINES, 1]


async def test_a_slow_line_holds_back_neither_its_neighbours_nor_the_next_segments(
    house: House,
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate, *says("done")]
    names = [f"row-{number}" for number in range(9)]
    begun = await begin(house, chat("slow"), *[chat(name) for name in names], segment_lines=2)
    async with loops(house):
        await recorded(house, begun.id, 9)
        gate.open()
        batch = await ended(house, begun.id)
    assert batch.completed_count == 10


async def test_a_line_that_pauses_holds_back_nobody(house: House) -> None:
    house.replica.slots = 1
    house.pausing = gate = Gate()
    house.engine.by_prompt["again"] = [EngineFailed("broke")]
    names = [f"row-{number}" for number in range(9)]
    begun = await begin(house, chat("again"), *[chat(name) for name in names], segment_lines=2)
    async with loops(house):
        await recorded(house, begun.id, 9)
        assert house.engine.prompts.count("again") == 1
        house.engine.by_prompt["again"] = says("at last")
        gate.open()
        batch = await ended(house, begun.id)
    assert (batch.completed_count, batch.retry_count) == (10, 1)


async def test_a_line_that_is_cut_off_by_the_end_of_the_server_is_waste(
    house: House, ledgers: Ledgers
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [[Delta(text="half"), Delta(text="way")], gate]
    begun = await begin(house, chat("slow"), chat("fast"))
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, begun.id, 1)
    batch = await batch_of(house.store, begun.id)
    assert (batch.completed_count, batch.waste_output_tokens) == (1, 2)
    (waste,) = await ledgers.entries("waste")
    assert waste[2:] == (batch.waste_input_tokens, 2, batch.waste_nanos)
    assert batch.waste_nanos > 0
    house.engine.by_prompt["slow"] = says("done")
    async with loops(house):
        batch = await ended(house, begun.id)
    assert (batch.completed_count, batch.waste_output_tokens) == (2, 2)
    assert len(await ledgers.entries("waste")) == 1


async def test_a_lost_lease_ends_the_lines_of_its_segment_at_once_and_drops_their_results(
    house: House, ledgers: Ledgers
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [[Delta(text="half")], gate]
    begun = await begin(house, chat("slow"), chat("fast"))
    async with loops(house):
        await gate.reached.wait()
        await house.store.leases.void_all()
        house.engine.by_prompt["slow"] = says("done")
        async with running(house.leases.run):
            await ended(house, begun.id)
    # Whoever had lost the lease may tell its cost later than the other ends the batch.
    batch = await batch_of(house.store, begun.id)
    assert house.engine.cancelled == ["slow"]
    assert house.engine.prompts.count("slow") == 2
    assert set(await results(house, batch.output_file_id)) == {"slow", "fast"}
    assert (await house.charges())[1] == 2 * DAY_NANOS
    assert batch.waste_output_tokens >= 1
    assert sum(entry[4] for entry in await ledgers.entries("waste")) == batch.waste_nanos


async def test_results_are_recorded_once_although_a_commit_is_not_answered(
    store: Store,
    database: Database,
    clock: ManualClock,
    new_id: CountingIds,
    engine: ScriptedEngine,
) -> None:
    segments = BusySegments(database, clock=clock, new_id=new_id)
    segments.unsure = 2
    house = House(replace(store, segments=segments), clock, new_id, engine)
    begun = await begin(house, *[chat(f"row-{number}") for number in range(5)])
    async with loops(house), running(house.webhooks.run):
        batch = await ended(house, begun.id)
    assert len(engine.prompts) == 5
    assert (batch.status, batch.completed_count) == (BatchStatus.COMPLETED, 5)
    assert len(await results(house, batch.output_file_id)) == 5
    assert (await house.charges())[1] == 5 * DAY_NANOS
