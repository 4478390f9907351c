"""The outbox: what is owed, and when."""

from __future__ import annotations

from forebay.core.clock import Instant, after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.deliveries import Delivery
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import claimed, completed, new_request

URL = "https://example.com/hook"


async def owed(store: Store, id: str = "resp_1") -> Delivery:
    """End a request that has a webhook, and return what is owed."""
    await store.requests.enqueue(new_request(id, webhook_url=URL))
    await store.requests.settle(await claimed(store), completed())
    return (await store.deliveries.due(limit=9))[-1]


async def test_a_delivered_call_is_owed_no_more(store: Store) -> None:
    delivery = await owed(store)
    await store.deliveries.record(delivery.id, next_at=None, error=None)
    assert await store.deliveries.due(limit=9) == []
    assert await store.deliveries.next_at(after=Instant(0)) is None


async def test_a_failed_call_is_due_again_after_its_pause(store: Store, clock: ManualClock) -> None:
    delivery = await owed(store)
    await store.deliveries.record(delivery.id, next_at=after(START, 5), error="status 500")
    assert await store.deliveries.due(limit=9) == []
    assert await store.deliveries.next_at(after=START) == after(START, 5)
    assert await store.deliveries.next_at(after=after(START, 5)) is None
    clock.move(5)
    (again,) = await store.deliveries.due(limit=9)
    assert (again.id, again.attempt) == (delivery.id, 1)


async def test_a_call_that_is_given_up_is_owed_no_more(store: Store) -> None:
    delivery = await owed(store)
    await store.deliveries.record(delivery.id, next_at=None, error="status 500")
    assert await store.deliveries.due(limit=9) == []


async def test_what_is_due_longest_comes_first(store: Store, clock: ManualClock) -> None:
    await owed(store, "resp_1")
    clock.move(1)
    await owed(store, "resp_2")
    due = await store.deliveries.due(limit=9)
    assert [delivery.request_id for delivery in due] == ["resp_1", "resp_2"]
    assert [delivery.request_id for delivery in await store.deliveries.due(limit=1)] == ["resp_1"]


async def test_a_deleted_request_is_called_no_more(store: Store) -> None:
    await owed(store)
    assert await store.stored_requests.delete(DEFAULT_PROJECT, "resp_1")
    assert await store.deliveries.due(limit=9) == []
