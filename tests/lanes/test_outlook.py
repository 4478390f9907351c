"""The outlook of what has not ended: the same in every process, and left out where unknown."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from forebay.core.clock import after, seconds_of
from forebay.core.money import Usage
from forebay.dialects.turn import JsonObject
from forebay.lanes.outlook import Outlook
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import claimed, completed, enqueue, entry, kept

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite", "postgres"])


@pytest.fixture
def outlook(store: Store, clock: ManualClock) -> Outlook:
    """The outlook as a process tells it in which nothing runs."""
    return _outlook(store, clock)


def _outlook(store: Store, clock: ManualClock, **others: Any) -> Outlook:
    values: dict[str, Any] = {"progress": lambda _: None}
    return Outlook(store.paces, clock=clock, **(values | others))


async def told(outlook: Outlook, store: Store, id: str) -> JsonObject:
    """Return the fields of a request as it stands."""
    return await outlook.fields(await kept(store, id))


async def ended(store: Store, id: str, clock: ManualClock, *, took_s: float, tokens: int) -> None:
    """Run a request of that length; the clock moves on."""
    await enqueue(store, id, band_rank=0)
    request = await claimed(store)
    clock.move(took_s)
    charge = entry(id, usage=Usage(input_tokens=1, output_tokens=tokens))
    settlement = dataclasses.replace(completed(charge=charge), finished_at=clock.now())
    await store.requests.settle(request, settlement)


async def test_those_that_wait_are_told_their_place_and_nothing_that_is_unknown(
    store: Store, outlook: Outlook
) -> None:
    for id in ("resp_1", "resp_2"):
        await enqueue(store, id)
    await enqueue(store, "resp_urgent", band_rank=0)
    assert await told(outlook, store, "resp_urgent") == {"position": 1}
    assert await told(outlook, store, "resp_1") == {"position": 2}
    assert await told(outlook, store, "resp_2") == {"position": 3}


async def test_those_that_wait_are_told_when_they_may_begin_and_end(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await ended(store, "resp_0", clock, took_s=10, tokens=100)
    for id in ("resp_1", "resp_2", "resp_3", "resp_4"):
        await enqueue(store, id)
    await claimed(store)
    await claimed(store)
    # Two run at once, so every five seconds one of them makes room.
    now = seconds_of(clock.now())
    assert await told(outlook, store, "resp_3") == {
        "position": 1,
        "expected_start_at": now + 5,
        "expected_at": now + 15,
    }
    assert (await told(outlook, store, "resp_4"))["expected_start_at"] == now + 10


async def test_who_pauses_has_no_place_and_begins_after_its_pause(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await ended(store, "resp_0", clock, took_s=10, tokens=100)
    await enqueue(store, "resp_1")
    pauses_until = after(clock.now(), 60)
    request = await claimed(store)
    await store.requests.requeue(request, not_before_at=pauses_until, is_counted=True)
    assert await told(outlook, store, "resp_1") == {
        "expected_start_at": seconds_of(pauses_until),
        "expected_at": seconds_of(pauses_until) + 10,
    }


@pytest.mark.parametrize(("most_counted", "placed"), [(4, 4), (5, 5), (99, 7)])
@pytest.mark.parametrize("milestone_every", [1, 2, 3, 100])
async def test_a_place_is_counted_from_milestones_and_not_beyond_a_limit(
    store: Store, clock: ManualClock, milestone_every: int, most_counted: int, placed: int
) -> None:
    outlook = _outlook(store, clock, most_counted=most_counted, milestone_every=milestone_every)
    for number in range(1, 8):
        await enqueue(store, f"resp_{number}")
    found = [(await told(outlook, store, f"resp_{number}")) for number in range(1, 8)]
    assert found == [{"position": number} for number in range(1, placed + 1)] + [{}] * (7 - placed)


async def test_a_running_one_tells_its_output_as_it_is_noted_in_the_database(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.lease_id is not None
    await store.leases.renew({request.lease_id: 40}, until=after(clock.now(), 60))
    clock.move(4)
    assert await told(outlook, store, "resp_1") == {
        "progress": {"output_tokens": 40, "elapsed_s": 4.0}
    }


async def test_in_the_process_where_it_runs_its_output_is_known_to_the_last_token(
    store: Store, clock: ManualClock
) -> None:
    outlook = _outlook(store, clock, progress={"resp_1": 50}.get)
    await ended(store, "resp_0", clock, took_s=10, tokens=200)
    await enqueue(store)
    await claimed(store)
    clock.move(5)
    assert await told(outlook, store, "resp_1") == {
        "progress": {"output_tokens": 50, "elapsed_s": 5.0, "eta_s": 15.0}
    }


async def test_the_time_of_a_later_attempt_counts_from_its_own_beginning(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await enqueue(store)
    await store.requests.requeue(await claimed(store), is_counted=True)
    clock.move(100)
    await claimed(store)
    clock.move(2)
    assert (await told(outlook, store, "resp_1"))["progress"] == {
        "output_tokens": 0,
        "elapsed_s": 2.0,
    }


async def test_what_has_ended_has_no_outlook(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await ended(store, "resp_1", clock, took_s=1, tokens=1)
    assert await told(outlook, store, "resp_1") == {}


async def test_the_pace_is_read_again_after_a_moment_and_no_sooner(
    store: Store, outlook: Outlook, clock: ManualClock
) -> None:
    await enqueue(store, "resp_9")
    assert "expected_at" not in await told(outlook, store, "resp_9")
    await ended(store, "resp_1", clock, took_s=1, tokens=1)
    assert "expected_at" not in await told(outlook, store, "resp_9")
    clock.move(2)
    assert "expected_at" in await told(outlook, store, "resp_9")


async def test_every_process_tells_the_same(store: Store, clock: ManualClock) -> None:
    await ended(store, "resp_0", clock, took_s=3, tokens=1)
    await enqueue(store, "resp_1")
    first, second = [await told(_outlook(store, clock), store, "resp_1") for _ in range(2)]
    assert first == second
    assert first["expected_start_at"] == seconds_of(after(START, 6))
