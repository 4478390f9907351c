"""The ends of batches are owed to endpoints by the transaction that makes them."""

from __future__ import annotations

import pytest

from forebay.store.signals import Topic
from forebay.store.store import Store
from tests.fakes import START
from tests.store.makers import batch_of, begun, chunk, new_batch, results, segment
from tests.store.webhooks import endpoint, one_claimed

ENDS = ["completed", "failed", "expired", "cancelled"]


async def end(store: Store, way: str) -> None:
    """End a batch in this way."""
    batches = store.batches
    if way == "failed":
        await batches.create(new_batch())
        assert await batches.fail("batch_1", errors="{}")
        return
    batch = await begun(store, segment(lines=1))
    if way == "expired":
        assert await batches.expire("batch_1")
    elif way == "cancelled":
        assert await batches.cancel(batch)
        assert await batches.end_cancelled("batch_1")
    else:
        claimed = await store.segments.claim("tiny", lease_expires_at=START)
        assert claimed is not None
        await store.segments.record(*claimed, results(chunk(0)))
        assert await batches.complete("batch_1")


@pytest.mark.parametrize("way", ENDS)
async def test_the_end_of_a_batch_is_owed_to_its_endpoints(store: Store, way: str) -> None:
    await endpoint(store)
    await end(store, way)
    assert (await batch_of(store)).status == way
    delivery = await one_claimed(store)
    assert (delivery.event_type, delivery.subject_id) == (f"batch.{way}", "batch_1")


async def test_who_delivers_is_told_at_once(store: Store) -> None:
    await endpoint(store)
    with store.signals.watch(Topic.OWED, "") as told:
        await end(store, "failed")
        assert told.is_set()


async def test_a_batch_ends_once_and_is_told_of_once(store: Store) -> None:
    await endpoint(store)
    await end(store, "failed")
    assert not await store.batches.fail("batch_1", errors="{}")
    await one_claimed(store)


async def test_nobody_is_told_where_nobody_listens(store: Store) -> None:
    with store.signals.watch(Topic.OWED, "") as told:
        await end(store, "failed")
        assert not told.is_set()
    assert await store.deliveries.first_at() is None
