"""A dispatcher that is about to end: callers get their slots, and nobody else does."""

from __future__ import annotations

import asyncio

from tests.fakes import looped
from tests.scheduler.fleet import INTERACTIVE, Fleet


async def test_who_waits_as_long_as_it_takes_gets_nothing_more() -> None:
    fleet = Fleet()
    fleet.replica()
    slot = await fleet.take()
    patient = await fleet.wait("patient")
    caller = await fleet.wait("caller", INTERACTIVE, 9, max_wait_s=5.0)
    fleet.dispatcher.hold_back()
    assert await fleet.drain(slot) == ["caller"]
    assert caller.done()
    await ended(patient)


async def test_who_comes_then_gets_no_free_slot_unless_he_is_a_caller() -> None:
    fleet = Fleet()
    replica = fleet.replica(2)
    fleet.dispatcher.hold_back()
    patient = await fleet.wait("patient")
    await looped()
    assert replica.in_flight == 0
    (await fleet.take()).release()
    assert fleet.served == []
    await ended(patient)


async def ended(waiting: asyncio.Task[None]) -> None:
    """End a wait that nothing else will end."""
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
