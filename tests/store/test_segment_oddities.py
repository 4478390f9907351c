"""Segments in odd cases: left out of a claim, given back too late, their results kept for long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import Batch, BatchApi
from forebay.core.clock import after
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.chunks import Tally
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store
from tests.fakes import START
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    charge_count,
    chunk,
    entry,
    results,
    segment,
)


async def claim(store: Store, model: str = "tiny") -> tuple[SegmentRecord, Batch]:
    """Claim the next segment, which there must be."""
    claimed = await store.segments.claim(model, lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize("api", BatchApi)
async def test_results_do_not_expire_before_their_batch_has_ended(
    store: Store, api: BatchApi
) -> None:
    await begun(store, output_expires_after_s=3600, api=api)
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0, 1, 2)))
    file_id = str((await batch_of(store)).output_file_id)
    file = await store.files.get(DEFAULT_PROJECT, file_id)
    assert file is not None and file.expires_at is None
    await store.batches.complete(batch.id, keep_until=after(START, 7200))
    file = await store.files.get(DEFAULT_PROJECT, file_id)
    assert file is not None and file.expires_at == after(START, 7200)


async def test_what_was_lost_of_a_batch_that_is_gone_is_in_the_ledger_all_the_same(
    store: Store,
) -> None:
    batch = await begun(store)
    held, _ = await claim(store)
    usage = Usage(input_tokens=10, output_tokens=2)
    charge = entry(subject_id="seg/lease", usage=usage)
    gone = replace(batch, id="batch_gone")
    await store.segments.release(held, gone, tally=Tally(waste=usage), waste=charge)
    assert await charge_count(store) == 1


async def test_batches_and_segments_can_be_left_out_of_a_claim(store: Store) -> None:
    await begun(store, segment(0), segment(1), id="batch_1")
    await begun(store, segment(0), id="batch_2")
    first, _ = await claim(store)
    await store.leases.void_all()
    found = []
    for but_not in ([], [first.id], ["batch_1"], ["batch_2", first.id], ["batch_1", "batch_2"]):
        head = await store.segments.peek("tiny", but_not=but_not)
        claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL, but_not=but_not)
        assert (head is None) == (claimed is None)
        found.append(claimed and (claimed[0].batch_id, claimed[0].ordinal))
        await store.leases.void_all()
    one, two = ("batch_1", 0), ("batch_1", 1)
    assert found == [one, two, ("batch_2", 0), two, None]
