"""The closing of batches: each ends once, and every line has a result in one of its files."""

from __future__ import annotations

from typing import Any

from forebay.core.batches import Batch, BatchApi, BatchStatus, is_final
from forebay.core.clock import Instant, after
from forebay.core.engine_errors import EngineBusy
from forebay.core.projects import DEFAULT_PROJECT
from forebay.dialects.turn import Delta
from forebay.engines.breaker import MAX_WISH_S
from forebay.lanes.batch.results import FULL_LINES
from tests.fakes import Gate, looped, says, until
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.batch.submitted import ended, line, loops, recorded, results, submit
from tests.lanes.house import CALLER, RETENTION_S, House
from tests.lanes.loops import running
from tests.store.makers import LEASED_UNTIL, batch_of

DAY_S = 86_400.0


async def cancel(house: House, batch_id: str) -> None:
    """Cancel the batch, as its caller does."""
    assert (await house.batches.cancel(CALLER, batch_id))["status"] == "cancelling"


async def test_cancelling_writes_an_error_line_for_all_that_did_not_run(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate]
    names = [f"row-{number}" for number in range(5)]
    batch_id = await submit(house, line("fast"), line("slow"), *[line(name) for name in names])
    house.engine.by_prompt |= {name: [gate] for name in names}
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, batch_id, 1)
        await cancel(house, batch_id)
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.CANCELLED
    assert set(await results(house, batch.output_file_id)) == {"fast"}
    errors = await results(house, batch.error_file_id)
    assert set(errors) == {"slow", *names}
    assert {each["error"]["code"] for each in errors.values()} == {"batch_cancelled"}
    assert (batch.cancelled_count, batch.failed_count) == (6, 6)
    assert house.replica.in_flight == 0


async def test_cancelling_cuts_off_what_runs_and_counts_its_tokens_as_waste(
    house: House, ledgers: Ledgers
) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [[Delta(text="half"), Delta(text="way")], gate]
    begun = await begin(house, chat("slow"))
    async with loops(house):
        await gate.reached.wait()
        await cancel(house, begun.id)
        await house.engine.was_cancelled.wait()
        batch = await ended(house, begun.id)
    assert (batch.cost_nanos, batch.waste_output_tokens) == (0, 2)
    (entry,) = await ledgers.entries()
    assert (entry[0], entry[3], entry[4]) == ("waste", 2, batch.waste_nanos)


async def test_expiry_stops_the_work_and_writes_an_error_line_for_the_rest(house: House) -> None:
    """There are more lines than slots: what waits must not begin again."""
    gate = Gate()
    names = [f"row-{number}" for number in range(5)]
    house.engine.by_prompt = {name: [gate] for name in names}
    batch_id = await submit(house, line("fast"), *[line(name) for name in names])
    async with loops(house):
        await gate.reached.wait()
        await recorded(house, batch_id, 1)
        house.clock.move(DAY_S)
        house.closing.set()
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.EXPIRED
    assert set(await results(house, batch.output_file_id)) == {"fast"}
    errors = await results(house, batch.error_file_id)
    assert {each["error"]["code"] for each in errors.values()} == {"batch_expired"}
    assert set(errors) == set(names)
    assert batch.expired_count == 5
    assert (batch.expired_at, batch.completed_at, batch.cancelled_at) == (
        house.clock.now(),
        None,
        None,
    )
    assert house.replica.in_flight == 0


async def test_a_line_that_runs_again_and_again_ends_with_its_batch(house: House) -> None:
    house.engine.by_prompt["a"] = [EngineBusy("full", retry_after_s=MAX_WISH_S)]
    batch_id = await submit(house, line("a"))

    async def outlasts_its_batch() -> bool:
        batch = await batch_of(house.store, batch_id)
        return len(house.pauses_s) > 30 or is_final(batch.status)

    async with loops(house):
        await until(outlasts_its_batch)
        assert house.clock.now() > (await batch_of(house.store, batch_id)).expires_at
        house.closing.set()
        batch = await ended(house, batch_id)
    assert (batch.status, batch.failed_count) == (BatchStatus.EXPIRED, 1)
    assert batch.retry_count > 0
    (result,) = (await results(house, batch.error_file_id)).values()
    assert result["error"]["code"] == "batch_expired"


async def record_last(house: House, batch: Batch) -> Batch:
    """Record the only line of a batch, whose closer does not run; returns the batch."""
    async with running(house.batch_worker.run):
        return await recorded(house, batch.id, 1)


async def test_a_batch_that_was_done_before_its_expiry_is_completed_even_after_it(
    house: House,
) -> None:
    batch = await record_last(house, await begin(house, chat("a")))
    assert batch.status is BatchStatus.FINALIZING
    house.clock.move(DAY_S)
    async with running(house.closer.run):
        batch = await ended(house, batch.id)
    assert batch.status is BatchStatus.COMPLETED


async def test_a_batch_whose_last_result_came_after_its_expiry_is_expired(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["late"] = [gate, *says("done")]
    begun = await begin(house, chat("late"))
    async with running(house.batch_worker.run):
        await gate.reached.wait()
        house.clock.move(DAY_S)
        gate.open()
        batch = await recorded(house, begun.id, 1)
    assert batch.status is BatchStatus.FINALIZING
    async with running(house.closer.run):
        batch = await ended(house, begun.id)
    assert (batch.status, batch.completed_count) == (BatchStatus.EXPIRED, 1)
    assert batch.finalizing_at is not None and batch.expired_at is not None


async def test_a_batch_that_is_cancelled_before_it_begins_has_no_lines(house: House) -> None:
    batch_id = await submit(house, line("a"))
    await house.batches.cancel(CALLER, batch_id)
    async with loops(house):
        batch = await ended(house, batch_id)
    assert (batch.status, batch.total_count) == (BatchStatus.CANCELLED, 0)
    assert house.engine.turns == []


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


async def test_lines_that_are_not_run_are_written_in_chunks_of_the_usual_size(
    house: House,
) -> None:
    names = [f"row-{number}" for number in range(2 * FULL_LINES + 1)]
    begun = await begin(house, *[chat(name) for name in names], segment_lines=1000)
    await cancel(house, begun.id)
    async with running(house.closer.run):
        batch = await ended(house, begun.id)
    assert set(await results(house, batch.error_file_id)) == set(names)
    sizes = [chunk.line_count for chunk in await house.store.segments.all_chunks(begun.id)]
    assert sizes == [FULL_LINES, FULL_LINES, 1]


async def test_a_batch_whose_lines_are_in_other_hands_ends_once_they_are_given_back(
    house: House,
) -> None:
    begun = await begin(house, chat("a"), chat("b"), segment_lines=1)
    claimed = await house.store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    await cancel(house, begun.id)
    async with running(house.closer.run):
        batch = await recorded(house, begun.id, 1)
        await looped()
        assert (await batch_of(house.store, begun.id)).status is BatchStatus.CANCELLING
        await house.store.segments.release(*claimed)
        house.closing.set()
        batch = await ended(house, begun.id)
    assert (batch.status, batch.cancelled_count) == (BatchStatus.CANCELLED, 2)


async def test_a_small_batch_does_not_wait_for_the_closing_of_a_large_one(house: House) -> None:
    names = [f"row-{number}" for number in range(160)]
    large = await begin(house, *[chat(name) for name in names], segment_lines=4)
    small = await begin(house, chat("a"))
    for batch in (large, small):
        await cancel(house, batch.id)
    async with running(house.closer.run):
        await ended(house, small.id)
        assert (await batch_of(house.store, large.id)).status is BatchStatus.CANCELLING
        batch = await ended(house, large.id)
    assert batch.cancelled_count == 160


async def kept_until(house: House, **others: Any) -> Instant | None:
    """Return until when the output of a batch is kept that has just ended."""
    begun = await begin(house, chat("a"), **others)
    house.clock.move(60)
    async with loops(house):
        batch = await ended(house, begun.id)
    file = await house.store.files.get(DEFAULT_PROJECT, str(batch.output_file_id))
    assert file is not None
    return file.expires_at


async def test_results_are_kept_for_a_while_after_the_end(house: House) -> None:
    began_at = house.clock.now()
    assert await kept_until(house) == after(began_at, 60 + RETENTION_S)


async def test_results_are_kept_as_long_as_their_batch_says(house: House) -> None:
    began_at = house.clock.now()
    assert await kept_until(house, output_expires_after_s=3600) == after(began_at, 60 + 3600)


async def test_results_are_not_kept_for_less_than_the_run_of_their_batch(house: House) -> None:
    gate = Gate()
    house.engine.by_prompt["slow"] = [gate, *says("late")]
    begun = await begin(house, chat("fast"), chat("slow"), output_expires_after_s=3600)
    async with loops(house):
        await recorded(house, begun.id, 1)
        house.clock.move(7200)
        assert await house.store.files.expired() == []
        gate.open()
        batch = await ended(house, begun.id)
    assert set(await results(house, batch.output_file_id)) == {"fast", "slow"}
    file = await house.store.files.get(DEFAULT_PROJECT, str(batch.output_file_id))
    assert file is not None and file.expires_at == after(house.clock.now(), 3600)


async def test_results_of_a_message_batch_that_ran_for_months_are_kept_to_its_end(
    house: House,
) -> None:
    began_at = house.clock.now()
    month = {"api": BatchApi.MESSAGE_BATCHES, "created_at": after(began_at, -30 * DAY_S)}
    assert await kept_until(house, **month) == after(began_at, 60)


async def test_results_of_a_message_batch_are_kept_from_its_creation_on(house: House) -> None:
    began_at = house.clock.now()
    until_at = await kept_until(house, api=BatchApi.MESSAGE_BATCHES)
    assert until_at == after(began_at, 29 * DAY_S)


async def test_a_batch_that_expires_is_closed_then_although_nobody_says_so(house: House) -> None:
    house.replica.slots = 0
    begun = await begin(house, chat("a"), expires_at=after(house.clock.now(), 0.05))
    async with running(house.closer.run):
        await house.store.batches.to_close(now=house.clock.now())
        house.clock.move(1)
        batch = await ended(house, begun.id)
    assert batch.status is BatchStatus.EXPIRED
