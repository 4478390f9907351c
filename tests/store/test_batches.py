"""Batches: guarded moves from status to status."""

from __future__ import annotations

import pytest

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.database import StoreFailed
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    chunk,
    new_batch,
    results,
    segment,
)


async def test_a_created_batch_is_to_be_validated(store: Store) -> None:
    await store.batches.create(new_batch())
    batch = await batch_of(store)
    assert batch.status is BatchStatus.VALIDATING
    assert await store.batches.in_status(BatchStatus.VALIDATING) == [batch]


async def test_beginning_counts_the_lines_of_all_segments(store: Store) -> None:
    batch = await begun(store, segment(0, lines=3), segment(1, lines=2))
    assert batch.status is BatchStatus.IN_PROGRESS
    assert batch.total_count == 5
    assert batch.model == "tiny"
    assert len(await store.segments.unfinished(batch.id)) == 2


async def test_a_batch_of_several_models_names_none(store: Store) -> None:
    batch = await begun(store, segment(0), segment(1, model="large"))
    assert batch.model is None


async def test_a_batch_that_was_cancelled_does_not_begin(store: Store) -> None:
    await store.batches.create(new_batch())
    batch = await batch_of(store)
    assert await store.batches.cancel(batch)
    assert not await store.batches.begin(batch, [segment()])
    assert await store.segments.unfinished(batch.id) == []
    assert (await batch_of(store)).status is BatchStatus.CANCELLING


async def test_a_batch_begins_once(store: Store) -> None:
    batch = await begun(store)
    assert not await store.batches.begin(batch, [segment()])
    assert len(await store.segments.unfinished(batch.id)) == 1


async def test_a_batch_fails_only_while_it_is_validated(store: Store) -> None:
    batch = await begun(store)
    assert not await store.batches.fail(batch.id, errors="{}")
    await store.batches.create(new_batch("batch_2"))
    assert await store.batches.fail("batch_2", errors='{"object":"list"}')
    failed = await batch_of(store, "batch_2")
    assert (failed.status, failed.failed_at) == (BatchStatus.FAILED, START)
    assert failed.errors == '{"object":"list"}'


async def record_all(store: Store) -> Batch:
    """Record the only line of the only batch; returns the batch."""
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    assert await store.segments.record(*claimed, results(chunk(0)))
    return await batch_of(store)


async def test_a_batch_with_lines_left_is_not_finalized(store: Store, clock: ManualClock) -> None:
    await begun(store, segment(lines=2))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    assert not await store.segments.record(*claimed, results(chunk(0)))
    assert (await batch_of(store)).status is BatchStatus.IN_PROGRESS
    assert await store.batches.to_close(now=clock.now()) == []


async def test_the_last_result_finalizes_a_batch_which_is_then_to_be_completed(
    store: Store, clock: ManualClock
) -> None:
    await begun(store, segment(lines=1))
    clock.move(5)
    batch = await record_all(store)
    assert (batch.status, batch.finalizing_at) == (BatchStatus.FINALIZING, after(START, 5))
    assert await store.batches.to_close(now=clock.now()) == [batch]
    assert await store.batches.complete(batch.id)
    assert (await batch_of(store)).status is BatchStatus.COMPLETED
    assert await store.batches.to_close(now=clock.now()) == []


async def test_the_last_result_of_a_cancelling_batch_leaves_it_cancelling(store: Store) -> None:
    batch = await begun(store, segment(lines=1))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None and await store.batches.cancel(batch)
    assert not await store.segments.record(*claimed, results(chunk(0)))
    assert (await batch_of(store)).status is BatchStatus.CANCELLING


async def test_only_batches_with_something_to_do_are_to_close(
    store: Store, clock: ManualClock
) -> None:
    for number, expires_s in ((1, 60), (2, 120), (3, 60)):
        others = {"id": f"batch_{number}", "expires_at": after(START, expires_s)}
        await begun(store, segment(lines=1), **others)
    assert await store.batches.to_close(now=clock.now()) == []
    assert await store.batches.next_expiry(now=clock.now()) == after(START, 60)
    assert await store.batches.cancel(await batch_of(store, "batch_3"))
    assert [batch.id for batch in await store.batches.to_close(now=clock.now())] == ["batch_3"]
    clock.move(60)
    found = await store.batches.to_close(now=clock.now())
    assert {batch.id for batch in found} == {"batch_1", "batch_3"}
    assert await store.batches.next_expiry(now=clock.now()) == after(START, 120)


async def test_where_nothing_runs_nothing_expires(store: Store, clock: ManualClock) -> None:
    assert await store.batches.next_expiry(now=clock.now()) is None


async def test_a_completed_batch_stays_as_it_is(store: Store) -> None:
    await begun(store, segment(lines=1))
    batch = await record_all(store)
    assert await store.batches.complete(batch.id)
    assert not await store.batches.cancel(batch)
    assert not await store.batches.expire(batch.id)
    assert not await store.batches.end_cancelled(batch.id)


async def test_a_cancelling_batch_ends_cancelled(store: Store) -> None:
    batch = await begun(store)
    assert not await store.batches.end_cancelled(batch.id)
    assert await store.batches.cancel(batch)
    assert not await store.batches.expire(batch.id)
    assert await store.batches.end_cancelled(batch.id)
    ended = await batch_of(store)
    assert (ended.status, ended.cancelled_at) == (BatchStatus.CANCELLED, START)


async def test_another_project_sees_and_cancels_nothing(store: Store) -> None:
    await begun(store)
    assert await store.batches.get(OTHER_PROJECT, "batch_1") is None
    assert await store.batches.page(OTHER_PROJECT, after=None, limit=9) == []
    assert await store.batches.of_file(OTHER_PROJECT, "file-1") is None


async def test_pages_go_from_new_to_old(store: Store) -> None:
    for number in range(1, 4):
        await store.batches.create(new_batch(f"batch_{number}"))
    first = await store.batches.page(DEFAULT_PROJECT, after=None, limit=1)
    rest = await store.batches.page(DEFAULT_PROJECT, after="batch_3", limit=9)
    assert [batch.id for batch in first] == ["batch_3"]
    assert [batch.id for batch in rest] == ["batch_2", "batch_1"]


async def test_a_batch_needs_its_project(store: Store) -> None:
    with pytest.raises(StoreFailed):
        await store.batches.create(new_batch(project_id="proj_unknown"))
