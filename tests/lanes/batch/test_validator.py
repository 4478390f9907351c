"""Validation: a batch begins when its input is good and its models are known, else it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial

from forebay.core.batches import Batch, BatchStatus
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.plan_job import Plan, PlanJob, PlannerDied
from forebay.lanes.batch.validator import AT_ONCE, Validator
from forebay.store.blobs import Extent
from forebay.store.database import StoreFailed
from tests.fakes import until
from tests.lanes.batch.submitted import ended, has_begun, line, loops, submit
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.store.makers import batch_of

MakePlan = Callable[[PlanJob], Awaitable[Plan]]


def codes(errors: str | None) -> list[str]:
    """Return the codes of a failed batch's errors."""
    assert errors is not None
    return [error["code"] for error in json.loads(errors)["data"]]


def validator_of(house: House, plan: MakePlan) -> Validator:
    """Return a validator that has batches planned like this."""
    return Validator(
        house.plan_jobs,
        plan,
        house.store,
        house.control,
        clock=house.clock,
        on_begun=house.batch_worker.wake,
        after_failure_s=0.0,
    )


async def is_gone(house: House, plan: Plan) -> bool:
    """Tell whether every blob of the plan was deleted."""
    there = {blob_id async for blob_id, _ in house.store.blobs.listed()}
    return bool(plan.blob_ids) and not plan.blob_ids & there


class HeldPlanner:
    """Plans as usual, but a batch that is held only once it is let go."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.held: dict[str, asyncio.Event] = {}
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.running = 0
        self.most_running = 0

    def hold(self, batch_id: str) -> None:
        self.held[batch_id] = asyncio.Event()

    async def plan(self, job: PlanJob) -> Plan:
        self.asked.append(job.batch_id)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if job.batch_id in self.held:
                await self.held[job.batch_id].wait()
            return await self._house.plan(job)
        except asyncio.CancelledError:
            self.cancelled.append(job.batch_id)
            raise
        finally:
            self.running -= 1


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


async def test_a_batch_waits_for_engines_that_have_yet_to_tell_their_models(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
    assert (await batch_of(house.store, waiting)).status is BatchStatus.VALIDATING


async def test_a_batch_begins_once_its_model_is_told(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
        house.serve("unheard-of")
        house.validator.wake()
        await until(partial(has_begun, house, waiting))


async def test_a_batch_that_waits_for_a_model_is_not_read_again_until_something_is_told(
    house: House,
) -> None:
    house.catalogue.untold.add("slow to start")
    planner = HeldPlanner(house)
    waiting = await submit(house, line("a", model="unheard-of"))
    validator = validator_of(house, planner.plan)
    async with running(validator.run):
        for number in range(3):
            behind = await submit(house, line(f"row-{number}"))
            validator.wake()
            await until(partial(has_begun, house, behind))
    assert planner.asked.count(waiting) == 1


async def test_a_batch_fails_once_no_engine_can_tell_its_model_any_more(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    waiting = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
        house.catalogue.untold.clear()
        house.validator.wake()
        batch = await ended(house, waiting)
    assert batch.status is BatchStatus.FAILED
    assert codes(batch.errors) == ["model_not_found"]


async def test_a_batch_that_expires_before_it_is_validated_fails(house: House) -> None:
    batch_id = await submit(house, line("a"))
    house.clock.move(86_400)
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.status is BatchStatus.FAILED
    assert codes(batch.errors) == ["batch_expired"]
    assert house.engine.turns == []


async def test_a_batch_that_expires_while_it_waits_for_a_model_fails(house: House) -> None:
    house.catalogue.untold.add("slow to start")
    batch_id = await submit(house, line("a", model="unheard-of"))
    behind = await submit(house, line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, behind))
        house.clock.move(86_400)
        house.validator.wake()
        batch = await ended(house, batch_id)
    assert codes(batch.errors) == ["batch_expired"]


async def test_a_batch_that_expires_while_it_is_planned_fails_and_leaves_no_plan(
    house: House,
) -> None:
    plans: list[Plan] = []

    async def plan(job: PlanJob) -> Plan:
        plans.append(await house.plan(job))
        house.clock.move(86_400)
        return plans[0]

    batch_id = await submit(house, line("a"))
    async with running(validator_of(house, plan).run):
        batch = await ended(house, batch_id)
        assert codes(batch.errors) == ["batch_expired"]
        await until(partial(is_gone, house, plans[0]))


async def test_a_begun_batch_knows_where_its_lines_are(house: House) -> None:
    batch_id = await submit(house, line("a"), line("b"))
    async with running(house.validator.run):
        await until(partial(has_begun, house, batch_id))
    batch = await batch_of(house.store, batch_id)
    assert batch.total_count == 2
    assert batch.index_blob_id is not None
    assert len(await house.store.blobs.get(Extent(batch.index_blob_id, 0, 48))) == 48


async def test_a_batch_that_takes_long_does_not_hold_back_the_one_behind_it(house: House) -> None:
    planner = HeldPlanner(house)
    huge = await submit(house, line("a"))
    small = await submit(house, line("b"))
    planner.hold(huge)
    async with running(validator_of(house, planner.plan).run):
        await until(partial(has_begun, house, small))
        assert not await has_begun(house, huge)
        planner.held[huge].set()
        await until(partial(has_begun, house, huge))


async def test_only_so_many_batches_are_planned_at_once(house: House) -> None:
    planner = HeldPlanner(house)
    batch_ids = [await submit(house, line(str(number))) for number in range(AT_ONCE + 2)]
    async with running(validator_of(house, planner.plan).run):
        for batch_id in batch_ids:
            await until(partial(has_begun, house, batch_id))
    assert sorted(planner.asked) == batch_ids
    assert planner.most_running == AT_ONCE


async def test_a_batch_that_is_cancelled_is_planned_no_further(house: House) -> None:
    planner = HeldPlanner(house)
    batch_id = await submit(house, line("a"))
    planner.hold(batch_id)
    validator = validator_of(house, planner.plan)

    async def is_asked() -> bool:
        await asyncio.sleep(0)
        return bool(planner.asked)

    async def is_cancelled() -> bool:
        await asyncio.sleep(0)
        return bool(planner.cancelled)

    async with running(validator.run):
        await until(is_asked)
        await house.batches.cancel(CALLER, batch_id)
        validator.wake()
        await until(is_cancelled)
    assert (await batch_of(house.store, batch_id)).status is BatchStatus.CANCELLING


async def test_the_plan_of_a_batch_that_was_cancelled_meanwhile_is_deleted(house: House) -> None:
    plans: list[Plan] = []
    batch_id = await submit(house, line("a"))

    async def plan(job: PlanJob) -> Plan:
        plans.append(await house.plan(job))
        await house.batches.cancel(CALLER, batch_id)
        return plans[0]

    async def is_deleted() -> bool:
        await asyncio.sleep(0)
        return bool(plans) and await is_gone(house, plans[0])

    async with running(validator_of(house, plan).run):
        await until(is_deleted)
    assert (await batch_of(house.store, batch_id)).status is BatchStatus.CANCELLING


async def planned_with(house: House, failures: list[Exception]) -> Batch:
    """Return the batch once it began or failed, with a planner that first fails like this."""
    batch_id = await submit(house, line("a"))

    async def plan(job: PlanJob) -> Plan:
        if failures:
            raise failures.pop(0)
        return await house.plan(job)

    async def look() -> Batch | None:
        batch = await batch_of(house.store, batch_id)
        return None if batch.status is BatchStatus.VALIDATING else batch

    async with running(validator_of(house, plan).run):
        return await until(look)


async def test_a_batch_is_planned_again_after_a_planner_died(house: House) -> None:
    batch = await planned_with(house, [PlannerDied("killed")] * 2)
    assert batch.status is BatchStatus.IN_PROGRESS


async def test_a_batch_of_which_planners_die_again_and_again_fails(house: House) -> None:
    left: list[Exception] = [PlannerDied("killed")] * 5
    batch = await planned_with(house, left)
    assert batch.status is BatchStatus.FAILED
    assert codes(batch.errors) == ["server_error"]
    assert len(left) == 2


async def test_a_batch_outlasts_any_number_of_failures_of_the_store(house: House) -> None:
    batch = await planned_with(house, [StoreFailed("the disk is full")] * 9)
    assert batch.status is BatchStatus.IN_PROGRESS
