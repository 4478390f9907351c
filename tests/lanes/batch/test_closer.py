"""The closing of batches: each ends once, and every line has a result in one of its files."""

from __future__ import annotations

from forebay.core.batches import BatchStatus, is_final
from forebay.core.errors import EngineBusy
from forebay.core.projects import DEFAULT_PROJECT
from forebay.engines.breaker import MAX_WISH_S
from tests.fakes import Gate, until
from tests.lanes.batch.submitted import ended, line, loops, recorded, results, submit
from tests.lanes.house import CALLER, House
from tests.store.makers import batch_of


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
    (result,) = (await results(house, batch.error_file_id)).values()
    assert result["error"]["code"] == "batch_expired"


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
