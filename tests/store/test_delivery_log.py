"""The log of deliveries: what was tried, paged, and delivered once more."""

from __future__ import annotations

from forebay.core.clock import after
from forebay.core.webhooks import DeliveryStatus, EventType
from forebay.store.deliveries import Delivery
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.webhooks import attempt, claim_all, ended, endpoint, logged, one_claimed


async def test_the_log_has_every_try_in_its_order(store: Store, clock: ManualClock) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    first, second = attempt(1, status_code=500), attempt(2)
    await store.deliveries.record(await one_claimed(store), first, next_at=clock.now())
    await store.deliveries.record(await one_claimed(store), second, next_at=None)
    (delivery,) = await logged(store)
    assert delivery.attempts == (first, second)
    assert (delivery.event_type, delivery.subject_id) == (EventType.RESPONSE_COMPLETED, "resp_1")


async def test_the_log_is_paged_from_new_to_old(store: Store) -> None:
    await endpoint(store)
    await endpoint(store, "we_other")
    for number in range(3):
        await ended(store, f"resp_{number}")
    page = store.delivery_log.page
    first = await page("we_1", after=None, limit=2)
    rest = await page("we_1", after=first[-1].id, limit=2)
    found = [delivery.subject_id for delivery in [*first, *rest]]
    assert found == ["resp_2", "resp_1", "resp_0"]


async def test_the_tries_of_other_deliveries_are_not_mixed_in(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    for number in range(3):
        await ended(store, f"resp_{number}")
    clock.move(10)
    for number, claim in enumerate(await claim_all(store), start=1):
        delivery = await store.deliveries.load(claim)
        assert delivery is not None
        tried = attempt(1, duration_ms=number)
        await store.deliveries.record(delivery, tried, next_at=None)
    for entry in await logged(store):
        assert await store.delivery_log.get("we_1", entry.id) == entry
        assert len(entry.attempts) == 1


async def test_a_delivery_is_found_at_its_own_endpoint_only(store: Store) -> None:
    await endpoint(store)
    await endpoint(store, "we_other", event_types=(EventType.BATCH_FAILED,))
    await ended(store)
    (delivery,) = await logged(store)
    assert await store.delivery_log.get("we_other", delivery.id) is None
    assert not await store.delivery_log.redeliver("we_other", delivery.id)


async def test_redelivery_owes_the_same_event_with_all_its_tries(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    first = await one_claimed(store)
    await store.deliveries.record(first, attempt(status_code=500), next_at=None)
    clock.move(1)
    assert await store.delivery_log.redeliver("we_1", first.id)
    again = await one_claimed(store)
    assert (again.event_id, again.failures, again.attempt) == (first.event_id, 0, 2)
    assert (again.created_at, again.owed_at) == (first.created_at, clock.now())
    await store.deliveries.record(again, attempt(2), next_at=None)
    (delivery,) = await logged(store)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert len(delivery.attempts) == 2


async def test_what_was_delivered_is_pending_once_it_is_to_be_delivered_again(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    first = await one_claimed(store)
    await store.deliveries.record(first, attempt(), next_at=None)
    assert await store.delivery_log.redeliver("we_1", first.id)
    assert (await logged(store))[0].status is DeliveryStatus.PENDING


async def test_what_is_being_delivered_is_not_delivered_again(
    store: Store, clock: ManualClock
) -> None:
    await endpoint(store)
    await ended(store)
    clock.move(10)
    delivery = await one_claimed(store)
    assert not await store.delivery_log.redeliver("we_1", delivery.id)
    assert await store.deliveries.record(delivery, attempt(), next_at=None)


async def test_a_test_stands_in_the_log_and_is_owed_no_more(store: Store) -> None:
    await endpoint(store)
    for id, tried in (("dlv_1", attempt()), ("dlv_2", attempt(status_code=500))):
        tested = Delivery(
            id=id,
            event_id="evt_1",
            event_type=EventType.BATCH_FAILED,
            subject_id="batch_1",
            endpoint_id="we_1",
            receiver="hooks.example.com:443",
            attempt=1,
            failures=0,
            created_at=START,
            owed_at=START,
            url="https://hooks.example.com/",
        )
        await store.delivery_log.add_tested(tested, tried)
    failed, delivered = await logged(store)
    assert (failed.status, delivered.status) == (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED)
    assert failed.attempts == (attempt(status_code=500),)
    assert await store.deliveries.first_at() is None
    assert await store.deliveries.prune(after(START, 1)) == 2
