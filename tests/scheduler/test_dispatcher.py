"""The dispatcher: slots in the policy's order, each given back, none lost."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.clock import Instant
from forebay.core.engine_errors import EngineUnavailable
from forebay.core.errors import Overloaded
from forebay.engines.pool import Pool
from tests.fakes import looped
from tests.scheduler.fleet import BULK, DEADLINE, INTERACTIVE, Fleet


async def test_a_free_slot_is_given_at_once_under_the_engines_name() -> None:
    fleet = Fleet()
    replica = fleet.replica(2)
    slot = await fleet.take()
    assert (slot.replica, slot.model, slot.engine) == (replica, "tiny-there", replica.engine)
    assert replica.in_flight == 1


async def test_interactive_goes_before_deadline_and_deadline_before_bulk() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    waiting = [
        await fleet.wait("bulk", BULK, 1),
        await fleet.wait("late", DEADLINE, 9),
        await fleet.wait("soon", DEADLINE, 5),
        await fleet.wait("now", INTERACTIVE, 99),
    ]
    assert await fleet.drain(slot) == ["now", "soon", "late", "bulk"]
    await asyncio.gather(*waiting)


async def test_equals_go_in_the_order_of_their_coming() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    waiting = [await fleet.wait(name) for name in ("first", "second", "third")]
    assert await fleet.drain(slot) == ["first", "second", "third"]
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("error", [RuntimeError("broke"), asyncio.CancelledError()])
async def test_a_slot_is_given_back_when_its_turn_fails(error: BaseException) -> None:
    fleet = Fleet()
    replica = fleet.replica()
    with pytest.raises(type(error)), await fleet.take():
        raise error
    assert replica.in_flight == 0


async def test_giving_a_slot_back_twice_counts_once() -> None:
    fleet = Fleet()
    replica = fleet.replica(2)
    slot, _ = await fleet.take(), await fleet.take()
    slot.release()
    slot.release()
    assert replica.in_flight == 1


async def test_a_waiter_that_is_cancelled_is_passed_over() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    leaving = await fleet.wait("leaving", INTERACTIVE)
    staying = await fleet.wait("staying", BULK)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert await fleet.drain(slot) == ["staying"]
    await staying


async def test_waiters_that_leave_do_not_pile_up_behind_one_that_stays() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    staying = [await fleet.wait("first", INTERACTIVE), await fleet.wait("last", BULK, 200)]
    for number in range(100):
        leaving = await fleet.wait("leaving", BULK, number)
        leaving.cancel()
        await asyncio.wait([leaving])
    kept = fleet.dispatcher._waiting[fleet.pool]  # nothing but its memory shows it
    assert len(kept) <= 2 * len(staying)
    assert await fleet.drain(slot) == ["first", "last"]
    await asyncio.gather(*staying)


async def test_waiters_keep_their_order_whoever_leaves() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    waiting = [await fleet.wait(str(number), BULK, number * 7 % 10) for number in range(10)]
    leaving = [waiting[number] for number in (9, 1, 5, 3, 7, 8)]
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    assert await fleet.drain(slot) == ["0", "6", "2", "4"]
    await asyncio.gather(*[waiting[number] for number in (0, 2, 4, 6)])


async def test_a_waiter_that_leaves_as_it_is_served_loses_no_slot() -> None:
    fleet = Fleet()
    replica = fleet.replica()
    slot = await fleet.take()
    leaving = await fleet.wait("leaving", INTERACTIVE)
    staying = await fleet.wait("staying", BULK)
    slot.release()
    leaving.cancel()
    await asyncio.wait([leaving])
    await staying
    assert fleet.served == ["staying"]
    assert replica.in_flight == 1
    fleet.slots["staying"].release()
    assert replica.in_flight == 0


async def test_a_slot_that_frees_is_given_in_the_same_call() -> None:
    fleet = Fleet()
    replica = fleet.replica()
    slot = await fleet.take()
    waiting = await fleet.wait("next")
    slot.release()
    assert replica.in_flight == 1
    await waiting


async def test_no_newcomer_takes_a_slot_that_was_given_to_a_waiter() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    waiting = await fleet.wait("waiter", BULK)
    slot.release()
    with pytest.raises(Overloaded):
        await fleet.take()
    await waiting
    assert fleet.served == ["waiter"]


async def test_pools_that_share_a_replica_share_its_slots() -> None:
    fleet = Fleet()
    other = Pool("other")
    replica = fleet.replica(1, fleet.pool, other)
    slot = await fleet.take()
    with pytest.raises(Overloaded):
        await fleet.take(other)
    slot.release()
    taken = await fleet.take(other)
    assert (taken.replica, taken.model) == (replica, "other-there")


async def test_a_shared_slot_goes_to_whoever_is_first_over_all_pools() -> None:
    fleet = Fleet()
    other = Pool("other")
    fleet.replica(1, fleet.pool, other)
    slot = await fleet.take()
    waiting = [
        await fleet.wait("bulk here", BULK),
        await fleet.wait("bulk there", BULK, -1, pool=other),
        await fleet.wait("soon there", DEADLINE, pool=other),
    ]
    assert await fleet.drain(slot) == ["soon there", "bulk there", "bulk here"]
    await asyncio.gather(*waiting)


async def test_a_replica_that_is_down_gets_no_turns_until_it_is_up() -> None:
    fleet = Fleet()
    replica = fleet.replica(2)
    fleet.dispatcher.mark_down(replica, error="gone")
    waiting = await fleet.wait("patient")
    assert fleet.served == []
    assert not replica.is_up
    fleet.dispatcher.mark_up(replica)
    await waiting


async def test_turns_that_run_are_left_alone_when_their_replica_goes_down() -> None:
    fleet = Fleet()
    replica = fleet.replica()
    slot = await fleet.take()
    waiting = await fleet.wait("patient")
    fleet.dispatcher.mark_down(replica, error="gone")
    assert replica.in_flight == 1
    slot.release()
    await looped()
    assert fleet.served == []
    fleet.dispatcher.mark_up(replica)
    await waiting


async def test_whoever_waits_too_long_is_told_when_to_come_back() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    with pytest.raises(Overloaded, match="'tiny' is busy") as refused:
        await fleet.take()
    assert refused.value.retry_after_s > 0
    slot.release()
    await fleet.take()


async def test_without_a_replica_that_is_well_a_caller_is_told_at_once() -> None:
    fleet = Fleet()
    with pytest.raises(EngineUnavailable):
        await fleet.take()
    replica = fleet.replica()
    fleet.dispatcher.mark_down(replica, error="gone")
    with pytest.raises(EngineUnavailable):
        await fleet.dispatcher.acquire(
            fleet.pool, band_rank=DEADLINE, deadline_at=Instant(0), max_wait_s=3600
        )


async def test_a_new_replica_serves_those_that_wait() -> None:
    fleet = Fleet()
    waiting = [await fleet.wait(str(number)) for number in range(3)]
    replica = fleet.replica(2)
    await looped()
    assert fleet.served == ["0", "1"]
    fleet.slots["0"].release()
    await asyncio.gather(*waiting)
    assert replica.in_flight == 2


async def test_turns_are_spread_over_replicas() -> None:
    fleet = Fleet()
    replicas = [fleet.replica(4) for _ in range(3)]
    for _ in range(6):
        await fleet.take()
    assert [replica.in_flight for replica in replicas] == [2, 2, 2]
