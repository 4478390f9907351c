"""Slots that are had at once or not at all, after those who wait."""

from __future__ import annotations

import asyncio

from forebay.engines.pool import Pool
from tests.scheduler.fleet import BULK, DEADLINE, INTERACTIVE, Fleet


async def test_a_further_slot_is_had_at_once_while_one_is_free() -> None:
    fleet = Fleet()
    replica = fleet.replica(2)
    taken = [fleet.try_take(), fleet.try_take(), fleet.try_take()]
    assert [slot is not None for slot in taken] == [True, True, False]
    assert replica.in_flight == 2


async def test_no_further_slot_is_had_before_whoever_waits_and_is_as_urgent() -> None:
    fleet = Fleet()
    replica = fleet.replica(1)
    fleet.dispatcher.mark_down(replica, error="gone")
    waiting = await fleet.wait("first", DEADLINE, 5)
    spare = fleet.replica(1, Pool("other"))
    fleet.pool.add(spare, model="tiny-there")  # free, but nobody was told
    assert fleet.try_take(DEADLINE, 5) is None
    assert fleet.try_take(DEADLINE, 6) is None
    assert fleet.try_take(BULK, 0) is None
    assert fleet.try_take(DEADLINE, 4) is not None
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_whoever_gave_up_holds_back_no_further_slot() -> None:
    fleet = Fleet()
    replica = fleet.replica(1)
    slot = await fleet.take()
    leaving = await fleet.wait("leaving", INTERACTIVE)
    leaving.cancel()
    await asyncio.wait([leaving])
    slot.release()
    assert fleet.try_take(BULK) is not None
    assert replica.in_flight == 1
