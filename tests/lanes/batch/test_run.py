"""The running of batches: results are real once recorded, and only what is not recorded runs."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from forebay.core.batches import Batch, BatchStatus, is_final
from forebay.core.errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    PromptRejected,
)
from forebay.core.projects import DEFAULT_PROJECT
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.batch.plan import SEGMENT_LINES
from forebay.lanes.retries import MAX_FAILURES
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, says, until
from tests.lanes.house import CALLER, House, running
from tests.store.makers import batch_of, new_file

DAY_NANOS = 3_600  # a line's 6 fresh, 4 cached and 2 output tokens at three tenths


def line(custom_id: str, **others: object) -> JsonObject:
    """Return a line whose prompt is its custom id."""
    body: JsonObject = {
        "model": "tiny",
        "messages": [{"role": "user", "content": custom_id}],
    }
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body | others,
    }


async def submit(house: House, *lines: JsonObject, window: str = "24h") -> str:
    """Make a batch of these lines and return its id."""
    blob = await house.store.blobs.put(b"".join([json.dumps(x).encode() + b"\n" for x in lines]))
    file = new_file(house.new_id("file-"), blob_id=blob.id)
    await house.store.files.add(file)
    body: JsonObject = {
        "input_file_id": file.id,
        "endpoint": "/v1/chat/completions",
        "completion_window": window,
    }
    return str((await house.batches.create(CALLER, body))["id"])


def loops(house: House) -> Any:
    """Run everything that batches need."""
    return running(house.validator.run, house.batch_worker.run, house.closer.run)


async def ended(house: House, batch_id: str) -> Batch:
    """Return the batch once it has ended."""

    async def look() -> Batch | None:
        batch = await batch_of(house.store, batch_id)
        return batch if is_final(batch.status) else None

    return await until(look)


async def recorded(house: House, batch_id: str, count: int) -> Batch:
    """Return the batch once so many results are recorded."""

    async def look() -> Batch | None:
        batch = await batch_of(house.store, batch_id)
        return batch if batch.completed_count + batch.failed_count >= count else None

    return await until(look)


async def results(house: House, file_id: str | None) -> dict[str, dict[str, Any]]:
    """Return the lines of an output or error file by their custom ids."""
    assert file_id is not None
    pieces = [piece async for piece in await house.files.content(CALLER, file_id)]
    lines = [json.loads(text) for text in b"".join(pieces).splitlines()]
    found = {each["custom_id"]: each for each in lines}
    assert len(found) == len(lines), "a line has one result"
    return found


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


@pytest.mark.parametrize(
    "error",
    [
        EngineBusy("full"),
        EngineUnavailable("gone"),
        EngineFailed("broke"),
    ],
)
async def test_a_line_runs_again_while_that_may_help(house: House, error: Exception) -> None:
    house.engine.queue += [[[Delta(text="half")], error], [error], says("done")]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert house.pauses_s == [1.0, 2.0]
    assert (await house.charges())[1] == DAY_NANOS


async def test_a_replica_that_cannot_be_reached_leaves_its_lines_to_another(house: House) -> None:
    house.engine.queue.append([EngineUnreachable("no route")])
    other = ScriptedEngine()
    house.add_replica(other, slots=1)
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert len(other.turns) == 1


async def test_a_line_that_breaks_the_engine_each_time_is_given_up(house: House) -> None:
    house.engine.by_prompt["poison"] = [EngineFailed("broke")]
    batch_id = await submit(house, line("poison"), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert house.engine.prompts.count("poison") == MAX_FAILURES
    assert (batch.status, batch.completed_count, batch.failed_count) == (
        BatchStatus.COMPLETED,
        1,
        1,
    )
    (result,) = (await results(house, batch.error_file_id)).values()
    assert result["response"]["status_code"] == 502


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({}, PromptRejected("bad prompt")),
        ({"n": 2}, None),
        ({"temperature": "hot"}, None),
    ],
)
async def test_a_line_that_can_never_succeed_is_an_error_line(
    house: House, others: JsonObject, error: Exception | None
) -> None:
    if error is not None:
        house.engine.by_prompt["bad"] = [error]
    batch_id = await submit(house, line("bad", **others), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert (result["custom_id"], result["response"]["status_code"]) == ("bad", 400)
    assert set(await results(house, batch.output_file_id)) == {"fine"}
    assert (await house.charges())[1] == DAY_NANOS


async def test_a_line_that_breaks_us_does_not_take_its_segment_with_it(house: House) -> None:
    house.engine.by_prompt["bug"] = [RuntimeError("a bug")]
    batch_id = await submit(house, line("bug"), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert (result["custom_id"], result["response"]["status_code"]) == ("bug", 500)


async def test_cancelling_writes_an_error_line_for_all_that_did_not_run(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate]
    names = [f"row-{number}" for number in range(5)]
    batch_id = await submit(house, line("fast"), line("slow"), *[line(name) for name in names])
    house.engine.by_prompt |= {name: [gate] for name in names}
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, batch_id, 1)
        assert (await house.batches.cancel(CALLER, batch_id))["status"] == "cancelling"
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.CANCELLED
    assert set(await results(house, batch.output_file_id)) == {"fast"}
    errors = await results(house, batch.error_file_id)
    assert set(errors) == {"slow", *names}
    assert {each["error"]["code"] for each in errors.values()} == {"batch_cancelled"}
    assert house.replica.in_flight == 0


async def test_expiry_stops_the_work_and_writes_an_error_line_for_the_rest(house: House) -> None:
    """There are more lines than slots: what waits must not begin again."""
    gate = Gate()
    names = [f"row-{number}" for number in range(5)]
    house.engine.by_prompt = {name: [gate] for name in names}
    batch_id = await submit(house, line("fast"), *[line(name) for name in names])
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, batch_id, 1)
        house.clock.move(86_400)
        house.closing.set()
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.EXPIRED
    assert set(await results(house, batch.output_file_id)) == {"fast"}
    errors = await results(house, batch.error_file_id)
    assert {each["error"]["code"] for each in errors.values()} == {"batch_expired"}
    assert set(errors) == set(names)
    assert house.replica.in_flight == 0


async def test_a_line_that_outlasts_its_pauses_expires(house: House) -> None:
    house.engine.by_prompt["a"] = [EngineBusy("full", retry_after_s=86_400)]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert result["error"]["code"] == "batch_expired"


async def test_a_batch_that_is_cancelled_before_it_begins_has_no_lines(house: House) -> None:
    batch_id = await submit(house, line("a"))
    await house.batches.cancel(CALLER, batch_id)
    async with loops(house):
        batch = await ended(house, batch_id)
    assert (batch.status, batch.total_count) == (BatchStatus.CANCELLED, 0)
    assert house.engine.turns == []


async def test_a_missing_input_file_fails_the_batch(house: House) -> None:
    body: JsonObject = {
        "input_file_id": "file-unknown",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    batch_id = str((await house.batches.create(CALLER, body))["id"])
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.FAILED
    assert batch.errors is not None and "file-unknown" in batch.errors


async def test_urgent_work_goes_before_the_lines_of_a_batch(house: House) -> None:
    gates = [Gate(), Gate()]
    house.engine.by_prompt = {"one": [gates[0], *says("1")], "two": [gates[1], *says("2")]}
    await submit(house, line("one"), line("two"), line("three"), line("four"))
    async with loops(house), running(house.worker.run):
        for gate in gates:
            await gate.reached.wait()
        request_id = await house.submit("urgent")
        await until(lambda: _waits(house, 2))
        gates[0].open()
        await house.ended(request_id)
        gates[1].open()
    assert house.engine.prompts[2] == "urgent"


async def test_a_batch_in_a_faster_window_goes_first(house: House) -> None:
    slow = await submit(house, line("slow"))
    fast = await submit(house, line("fast"), window="1h")
    async with running(house.validator.run):
        for batch_id in (slow, fast):
            await until(partial(_has_begun, house, batch_id))
    async with loops(house):
        await ended(house, slow)
        await ended(house, fast)
    assert house.engine.prompts == ["fast", "slow"]


async def test_an_ended_batch_is_listed_with_its_counts(house: House) -> None:
    batch_id = await submit(house, line("a"))
    async with loops(house):
        await ended(house, batch_id)
    page = await house.batches.page(CALLER, after=None, limit=9)
    assert isinstance(page["data"], list)
    (shown,) = page["data"]
    assert shown["request_counts"] == {"total": 1, "completed": 1, "failed": 0}
    assert shown["forebay"]["cost"] == {"amount": "0.0000036", "currency": "USD"}
    count, usage, _ = await house.store.ledger.total(DEFAULT_PROJECT)
    assert (count, usage.output_tokens) == (1, 2)


async def _has_begun(house: House, batch_id: str) -> bool:
    return (await batch_of(house.store, batch_id)).status is BatchStatus.IN_PROGRESS


async def _waits(house: House, count: int) -> bool:
    await asyncio.sleep(0)
    return house.dispatcher.waiting_count(house.served.pool) >= count
