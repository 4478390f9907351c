"""Control: one process at a time has it, and another one takes over when that dies."""

from __future__ import annotations

from forebay.core.clock import after
from forebay.core.requests import RequestStatus
from forebay.lanes.control import LEASE_S, LeasedControl, SoleControl
from forebay.store.store import Store
from tests.fakes import ManualClock, looped, until
from tests.lanes.loops import running
from tests.store.makers import claims, enqueue, kept


def control(store: Store, clock: ManualClock, owner: str) -> LeasedControl:
    """Return the control of one process, which wants the model "tiny"."""
    made = LeasedControl(store.duties, store.leases, clock=clock, owner=owner)
    made.want("tiny")
    return made


async def holding(control: LeasedControl) -> None:
    """Return once it holds the model."""

    async def look() -> bool:
        return control.holds("tiny")

    await until(look)


def test_a_process_that_is_alone_has_every_duty() -> None:
    assert SoleControl().holds("anything")


async def test_one_process_at_a_time_has_the_control(store: Store, clock: ManualClock) -> None:
    one, two = control(store, clock, "one"), control(store, clock, "two")
    async with running(one.run):
        await holding(one)
        async with running(two.run):
            await looped()
            assert not two.holds("tiny")


async def test_another_process_takes_over_from_one_that_stopped(
    store: Store, clock: ManualClock
) -> None:
    one, two = control(store, clock, "one"), control(store, clock, "two")
    async with running(one.run):
        await holding(one)
    assert not one.holds("tiny")
    async with running(two.run):
        await holding(two)


async def test_another_process_takes_over_from_one_that_died(
    store: Store, clock: ManualClock
) -> None:
    await store.duties.take(["tiny"], "dead", until=after(clock.now(), LEASE_S))
    clock.move(LEASE_S)
    one = control(store, clock, "one")
    async with running(one.run):
        await holding(one)


async def test_control_that_was_not_renewed_is_not_believed_in(
    store: Store, clock: ManualClock
) -> None:
    one = control(store, clock, "one")
    async with running(one.run):
        await holding(one)
        clock.move(LEASE_S)
        assert not one.holds("tiny")


async def test_who_takes_control_is_told_of_it(store: Store, clock: ManualClock) -> None:
    one, told = control(store, clock, "one"), list[str]()
    one.on_change(told.append)
    async with running(one.run):
        await holding(one)
        one.want("large")

        async def both() -> bool:
            return len(told) == 2

        await until(both)
    assert told == ["tiny", "large"]


async def test_what_a_dead_process_ran_waits_again_at_once(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    await enqueue(store, "resp_2", model="large")
    await store.duties.take(["tiny", "large"], "dead", until=after(clock.now(), LEASE_S))
    await claims(store, "tiny")
    await claims(store, "large")
    one = control(store, clock, "one")
    for _ in range(3):
        await one.renew()
        clock.move(2)
    await one.renew()
    assert one.holds("tiny")
    assert (await kept(store)).status is RequestStatus.QUEUED
    assert (await kept(store, "resp_2")).status is RequestStatus.IN_PROGRESS


async def test_after_an_outage_of_the_database_nobody_is_taken_for_dead(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    one, two = control(store, clock, "one"), control(store, clock, "two")
    await one.renew()
    await claims(store)
    await two.renew()
    clock.move(10)
    await two.renew()
    assert two.holds("tiny")
    assert (await kept(store)).status is RequestStatus.IN_PROGRESS


async def test_who_leaves_lets_go_while_its_work_ends(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    one, two = control(store, clock, "one"), control(store, clock, "two")
    async with running(one.run):
        await holding(one)
        await claims(store)
        one.leave()
        async with running(two.run):

            async def taken_over() -> bool:
                two.want("tiny")
                return two.holds("tiny")

            await until(taken_over)
        assert not one.holds("tiny")
    assert (await kept(store)).status is RequestStatus.IN_PROGRESS
