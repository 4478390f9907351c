"""The claiming of requests: in their order, under a lease, and given back."""

from __future__ import annotations

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.requests import RequestStatus
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    claimed,
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
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


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
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_peek_tells_what_would_be_claimed_next(store: Store) -> None:
    assert await store.requests.peek("tiny") is None
    await enqueue(store, "bulk", band_rank=2)
    await enqueue(store, "soon", band_rank=1, deadline_at=after(START, 7))
    assert await store.requests.peek("tiny") == (1, after(START, 7))


async def test_a_counted_requeue_keeps_its_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, not_before_at=START, is_counted=True)
    assert (await claimed(store)).attempt == 2


async def test_an_uncounted_requeue_never_was_an_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, not_before_at=START, is_counted=False)
    assert (await claimed(store)).attempt == 1


async def test_only_the_lease_holder_gives_a_request_back(store: Store) -> None:
    await enqueue(store)
    stale = await claimed(store)
    await store.leases.void_all()
    current = await claimed(store)
    with pytest.raises(LeaseLost):
        await store.requests.requeue(stale, not_before_at=START, is_counted=True)
    assert await kept(store) == current


async def test_a_pausing_request_is_not_claimed_before_its_pause_ends(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    pause_end = after(START, 5)
    await store.requests.requeue(await claimed(store), not_before_at=pause_end, is_counted=True)
    assert await store.requests.peek("tiny") is None
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None
    assert await store.requests.next_pause_end("tiny", after=clock.now()) == pause_end
    clock.move(5)
    assert await store.requests.next_pause_end("tiny", after=clock.now()) is None
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


async def test_renewing_tells_which_leases_still_live(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.lease_id is not None
    asked = [request.lease_id, "lease_lost"]
    assert await store.leases.renew(asked, until=after(START, 600)) == {request.lease_id}
    clock.move(120)
    assert await store.leases.reap() == 0
