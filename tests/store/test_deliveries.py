"""The outbox: what is owed, to whom, who may deliver it, and what comes of that."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.webhooks import DeliveryStatus, EventType
from forebay.store.deliveries import Deliveries
from forebay.store.postgres import PostgresDatabase
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import claimed, completed, enqueue, kept
from tests.store.webhooks import (
    ENDPOINT_URL,
    HOOK_RECEIVER,
    HOOK_URL,
    attempt,
    claim_all,
    ended,
    endpoint,
    loaded,
    logged,
    one_claimed,
)


async def test_nobody_is_owed_the_end_of_a_request_that_nobody_asked_to_hear_of(
    store: Store,
) -> None:
    await endpoint(store, project_id=OTHER_PROJECT)
    await ended(store)
    assert await store.deliveries.first_at() is None


async def test_a_requests_own_webhook_is_owed_its_answer(store: Store, clock: ManualClock) -> None:
    await ended(store, webhook_url=HOOK_URL, webhook_token=b"token")
    clock.move(10)
    delivery = await one_claimed(store)
    assert (delivery.url, delivery.token, delivery.answer) == (HOOK_URL, b"token", b'{"ok":true}')
    assert (delivery.endpoint_id, delivery.secret) == (None, None)
    assert delivery.event_id.startswith("evt_")


async def test_an_endpoint_is_owed_the_event(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    delivery = await one_claimed(store)
    assert (delivery.url, delivery.secret, delivery.answer) == (ENDPOINT_URL, b"sealed", None)
    assert (delivery.event_type, delivery.subject_id) == (EventType.RESPONSE_COMPLETED, "resp_1")
    assert delivery.created_at == after(START, 9)


async def test_an_event_has_one_id_for_all_whom_it_is_told(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store, "we_1")
    await endpoint(store, "we_2")
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    found = [await loaded(store, claim) for claim in await claim_all(store)]
    assert len({delivery.id for delivery in found}) == 3
    assert len({delivery.event_id for delivery in found}) == 1


@pytest.mark.parametrize("way", ["cancel", "expire"])
async def test_an_end_without_a_worker_is_told_of_too(store: Store, way: str) -> None:
    await enqueue(store, webhook_url=HOOK_URL)
    request = await kept(store)
    end = store.requests.cancel if way == "cancel" else store.requests.expire
    assert await end(request, finished_at=START, answer=b'{"x":1}', last_event=lambda _: b"")
    delivery = await one_claimed(store)
    expected = "response.cancelled" if way == "cancel" else "response.failed"
    assert (delivery.event_type, delivery.answer) == (expected, b'{"x":1}')


async def test_an_endpoint_hears_only_of_its_types(store: Store) -> None:
    await endpoint(store, event_types=(EventType.RESPONSE_FAILED, EventType.BATCH_COMPLETED))
    await ended(store)
    assert await store.deliveries.first_at() is None


async def test_what_a_lost_lease_could_not_end_is_told_to_nobody(store: Store) -> None:
    await endpoint(store)
    await enqueue(store, webhook_url=HOOK_URL)
    stale = await claimed(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await store.requests.settle(stale, completed())
    assert await store.deliveries.first_at() is None


async def test_what_is_claimed_is_due_for_nobody_else(store: Store, clock: ManualClock) -> None:
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    assert len(await claim_all(store, leased_until=after(START, 70))) == 1
    assert await claim_all(store) == []
    assert await store.deliveries.next_at(after=clock.now()) == after(START, 70)


async def test_a_claim_that_ran_out_is_claimed_again_under_the_same_event_id(
    store: Store, clock: ManualClock
) -> None:
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    first = await one_claimed(store)
    clock.move(60)
    again = await one_claimed(store)
    assert (again.id, again.event_id) == (first.id, first.event_id)
    assert again.attempt == 2
    assert again.failures == 0


async def test_who_lost_a_claim_records_nothing(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    stale = await one_claimed(store)
    clock.move(60)
    current = await one_claimed(store)
    assert not await store.deliveries.record(stale, attempt(1), next_at=None)
    assert await store.deliveries.record(current, attempt(2), next_at=None)
    (delivery,) = await logged(store)
    assert [entry.number for entry in delivery.attempts] == [2]


async def test_a_try_is_recorded_once(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    delivery = await one_claimed(store)
    assert await store.deliveries.record(delivery, attempt(), next_at=None)
    assert not await store.deliveries.record(delivery, attempt(), next_at=None)


async def test_what_was_delivered_is_owed_no_more(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    assert await store.deliveries.record(await one_claimed(store), attempt(), next_at=None)
    assert await store.deliveries.first_at() is None
    (delivery,) = await logged(store)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert delivery.delivered_at == clock.now()


async def test_a_failed_try_is_due_again_after_its_pause(store: Store, clock: ManualClock) -> None:
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    failed = attempt(status_code=500)
    delivery = await one_claimed(store)
    assert await store.deliveries.record(delivery, failed, next_at=after(START, 15))
    assert await claim_all(store) == []
    clock.move(5)
    again = await one_claimed(store)
    assert (again.id, again.failures, again.attempt) == (delivery.id, 1, 2)


async def test_what_is_given_up_is_owed_no_more(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    failed = attempt(status_code=500)
    assert await store.deliveries.record(await one_claimed(store), failed, next_at=None)
    assert await store.deliveries.first_at() is None
    assert (await logged(store))[0].status is DeliveryStatus.FAILED


async def test_a_claim_that_is_given_back_is_due_at_once_and_counts_for_nothing(
    store: Store, clock: ManualClock
) -> None:
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    (claim,) = await claim_all(store)
    await store.deliveries.release(claim)
    again = await one_claimed(store)
    assert (again.failures, again.attempt) == (0, 2)


async def test_who_lost_a_claim_cannot_give_it_back(store: Store, clock: ManualClock) -> None:
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    (stale,) = await claim_all(store)
    clock.move(60)
    (current,) = await claim_all(store, leased_until=after(START, 999))
    await store.deliveries.release(stale)
    assert await claim_all(store) == []
    assert await store.deliveries.load(stale) is None
    assert await store.deliveries.load(current) is not None


async def test_a_starting_server_takes_back_every_claim(store: Store, clock: ManualClock) -> None:
    await ended(store, "resp_1", webhook_url=HOOK_URL)
    await ended(store, "resp_2", webhook_url=HOOK_URL)
    clock.move(10)
    await claim_all(store, room=1)
    assert await store.deliveries.void_all() == 1
    assert len(await claim_all(store)) == 2


async def test_receivers_are_found_once_each_and_who_waits_longest_first(
    store: Store, clock: ManualClock
) -> None:
    for number, host in enumerate(("b", "a", "b", "c", "a", "a")):
        await enqueue(store, f"resp_{number}", webhook_url=f"https://{host}.example.com/")
        await store.requests.settle(await claimed(store), completed())
    clock.move(10)
    due = store.deliveries.due_receivers
    everybody = ["a.example.com:443", "b.example.com:443", "c.example.com:443"]
    assert await due(limit=9) == everybody
    await store.deliveries.claim({everybody[0]: 2, everybody[1]: 9}, leased_until=after(START, 60))
    assert await due(limit=9) == ["a.example.com:443", "c.example.com:443"]
    assert await due(limit=1) == ["a.example.com:443"]


async def test_a_claim_takes_no_more_than_there_is_room_for(
    store: Store, clock: ManualClock
) -> None:
    for number in range(3):
        await ended(store, f"resp_{number}", webhook_url=HOOK_URL)
    clock.move(10)
    claims = await store.deliveries.claim({HOOK_RECEIVER: 2}, leased_until=after(START, 60))
    assert len(claims) == 2
    assert len(await claim_all(store)) == 1


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_processes_that_claim_at_once_get_different_deliveries(
    store: Store, database_url: str, clock: ManualClock
) -> None:
    for number in range(40):
        await ended(store, f"resp_{number}", webhook_url=HOOK_URL)
    clock.move(10)
    async with AsyncExitStack() as stack:
        others = []
        for _ in range(3):
            database = await PostgresDatabase.open(database_url)
            stack.push_async_callback(database.close)
            others.append(Deliveries(database, clock=clock))
        lots = await asyncio.gather(
            *[
                deliveries.claim({HOOK_RECEIVER: 4}, leased_until=after(START, 60))
                for deliveries in [store.deliveries, *others] * 2
            ]
        )
    found = [claim.id for lot in lots for claim in lot]
    assert len(found) == len(set(found)) == 32


async def test_of_a_deleted_request_nobody_is_told_any_more(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store, webhook_url=HOOK_URL)
    clock.move(10)
    (claim, other) = await claim_all(store)
    assert await store.stored_requests.delete(DEFAULT_PROJECT, "resp_1")
    assert await store.deliveries.first_at() is None
    assert await store.deliveries.load(claim) is None
    assert await store.deliveries.load(other) is None


async def test_an_endpoint_hears_of_a_request_that_was_not_to_be_kept(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store, is_stored=False)
    await store.stored_requests.delete_unstored(finished_before=after(START, 99))
    clock.move(10)
    assert (await one_claimed(store)).endpoint_id == "we_1"


async def test_old_deliveries_are_forgotten_unless_they_are_still_owed(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store, "resp_1")
    await ended(store, "resp_2")
    clock.move(10)
    delivery = await loaded(store, (await claim_all(store, room=1))[0])
    await store.deliveries.record(delivery, attempt(), next_at=None)
    assert await store.deliveries.prune(after(START, 9)) == 0
    assert await store.deliveries.prune(after(START, 10)) == 1
    (left,) = await logged(store)
    assert left.id != delivery.id
