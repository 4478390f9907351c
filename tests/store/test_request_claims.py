"""The claiming of requests: in their order, under a lease, and given back."""

from __future__ import annotations

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.requests import RequestStatus
from forebay.store.signals import Topic, read_queued
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import (
    claimed,
    claims,
    enqueue,
    kept,
)


async def test_claims_go_by_band_then_by_deadline(store: Store) -> None:
    await enqueue(store, "bulk", band_rank=2, deadline_at=after(START, 1))
    await enqueue(store, "late", band_rank=1, deadline_at=after(START, 300))
    await enqueue(store, "soon", band_rank=1, deadline_at=after(START, 200))
    await enqueue(store, "now", band_rank=0, deadline_at=after(START, 400))
    assert [(await claimed(store)).id for _ in range(4)] == ["now", "soon", "late", "bulk"]


async def test_of_equal_deadlines_the_older_id_is_claimed_first(store: Store) -> None:
    await enqueue(store, "resp_2")
    await enqueue(store, "resp_1")
    assert (await claimed(store)).id == "resp_1"


async def test_a_claim_is_for_one_model(store: Store) -> None:
    await enqueue(store, model="large")
    assert await claims(store) == []


async def test_a_claimed_request_is_leased_and_begins_an_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.status is RequestStatus.IN_PROGRESS
    assert request.lease_id is not None
    assert request.attempt == 1
    assert request.started_at == START


async def test_a_claimed_request_cannot_be_claimed_again(store: Store) -> None:
    await enqueue(store)
    await claimed(store)
    assert await claims(store) == []


async def test_peek_tells_what_would_be_claimed_next(store: Store) -> None:
    assert await store.requests.peek("tiny", limit=9) == []
    await enqueue(store, "bulk", band_rank=2)
    await enqueue(store, "soon", band_rank=1, deadline_at=after(START, 7))
    assert await store.requests.peek("tiny", limit=9) == [
        (1, after(START, 7)),
        (2, after(START, 300)),
    ]
    assert await store.requests.peek("tiny", limit=1) == [(1, after(START, 7))]


async def test_a_counted_requeue_keeps_its_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, is_counted=True)
    assert (await claimed(store)).attempt == 2


async def test_an_uncounted_requeue_never_was_an_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, is_counted=False)
    assert (await claimed(store)).attempt == 1


async def test_only_the_lease_holder_gives_a_request_back(store: Store) -> None:
    await enqueue(store)
    stale = await claimed(store)
    await store.leases.void_all()
    current = await claimed(store)
    with pytest.raises(LeaseLost):
        await store.requests.requeue(stale, is_counted=True)
    assert await kept(store) == current


async def test_a_pausing_request_is_not_claimed_before_its_pause_ends(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    pause_end = after(START, 5)
    await store.requests.requeue(await claimed(store), not_before_at=pause_end, is_counted=True)
    assert await store.requests.peek("tiny", limit=9) == []
    assert await claims(store) == []
    assert await store.requests.next_pause_end("tiny") == pause_end
    await store.requests.ripen("tiny")
    assert await claims(store) == []
    clock.move(5)
    await store.requests.ripen("tiny")
    assert await store.requests.next_pause_end("tiny") is None
    assert (await claimed(store)).id == "resp_1"


async def test_voiding_leases_makes_running_requests_wait_again(store: Store) -> None:
    await enqueue(store)
    await claimed(store)
    assert await store.leases.void_all() == 1
    request = await kept(store)
    assert request.status is RequestStatus.QUEUED
    assert request.attempt == 1


async def test_only_leases_that_ran_out_are_reaped(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    await claimed(store)
    clock.move(60)
    assert await store.leases.reap() == 0
    clock.move(0.001)
    assert await store.leases.reap() == 1
    assert (await kept(store)).status is RequestStatus.QUEUED


async def test_who_runs_what_was_reaped_is_told_of_its_most_urgent(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store, "resp_1", deadline_at=after(START, 300))
    await enqueue(store, "resp_2", deadline_at=after(START, 200))
    assert len(await claims(store, limit=2)) == 2
    told: list[str] = []
    store.signals.on(Topic.QUEUED, told.append)
    clock.move(61)
    await store.leases.reap()
    assert [read_queued(subject) for subject in told] == [("tiny", (1, after(START, 200)))]


async def test_renewing_tells_which_leases_still_live(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.lease_id is not None
    asked = {request.lease_id: 7, "lease_lost": 9}
    assert await store.leases.renew(asked, until=after(START, 600)) == {request.lease_id}
    assert (await kept(store)).output_tokens == 7
    clock.move(120)
    assert await store.leases.reap() == 0


async def test_several_are_claimed_at_once_each_under_a_lease_of_its_own(store: Store) -> None:
    for number in range(3):
        await enqueue(store, f"resp_{number}", deadline_at=after(START, number))
    first, second = await claims(store, limit=2)
    assert (first.id, second.id) == ("resp_0", "resp_1")
    assert first.lease_id != second.lease_id
    await store.requests.requeue(first, is_counted=False)
    assert (await kept(store, "resp_1")).status is RequestStatus.IN_PROGRESS
