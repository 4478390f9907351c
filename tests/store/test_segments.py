"""Segments and chunks: recording a chunk is the one transaction that makes its results real."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.ledger import EntryKind
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.chunks import Tally
from forebay.store.database import StoreFailed
from forebay.store.segments import SegmentRecord
from forebay.store.signals import Topic
from forebay.store.store import Store
from tests.fakes import START, ManualClock
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


async def test_claims_go_by_band_then_deadline_then_order(store: Store) -> None:
    await begun(store, segment(1), segment(0), id="batch_1")
    await begun(store, segment(0), id="batch_2", deadline_at=after(START, 60))
    await begun(store, segment(0), id="batch_3", band_rank=1, deadline_at=after(START, 900))
    found = [await claim(store) for _ in range(4)]
    assert [(batch.id, segment.ordinal) for segment, batch in found] == [
        ("batch_3", 0),
        ("batch_2", 0),
        ("batch_1", 0),
        ("batch_1", 1),
    ]


async def test_a_segment_is_leased_to_one(store: Store) -> None:
    await begun(store)
    await claim(store)
    assert await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_only_batches_in_progress_have_their_segments_claimed(store: Store) -> None:
    batch = await begun(store)
    assert await store.batches.cancel(batch)
    assert await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_segments_of_an_expired_batch_are_not_claimed(
    store: Store, clock: ManualClock
) -> None:
    await begun(store)
    clock.move(86_400)
    assert await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_recording_counts_bills_and_makes_the_file(store: Store) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0, 2)))
    batch = await batch_of(store)
    assert (batch.completed_count, batch.failed_count) == (2, 0)
    assert batch.usage == Usage(input_tokens=10, output_tokens=2)
    assert batch.cost_nanos == 700
    assert await charge_count(store) == 1
    assert batch.output_file_id is not None and batch.error_file_id is None
    file = await store.files.get(DEFAULT_PROJECT, batch.output_file_id)
    assert file is not None
    assert (file.purpose, file.size_bytes, file.blob_id) == ("batch_output", 100, None)
    assert await store.batches.of_file(DEFAULT_PROJECT, file.id) == batch


async def test_recorded_lines_have_ended(store: Store) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.record(
        held, batch, results(chunk(2), chunk(0, kind="error", blob_id="blob_e1"))
    )
    assert await store.segments.ended_lines(held.id) == {0, 2}


async def test_later_chunks_grow_the_same_file_in_order(store: Store) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0, blob_id="blob_a")))
    file_id = (await batch_of(store)).output_file_id
    await store.segments.record(held, batch, results(chunk(1, blob_id="blob_b")))
    assert (await batch_of(store)).output_file_id == file_id
    chunks = await store.segments.chunks(batch.id, kind="output")
    assert [found.blob_id for found in chunks] == ["blob_a", "blob_b"]
    file = await store.files.get(DEFAULT_PROJECT, str(file_id))
    assert file is not None and file.size_bytes == 200


async def test_an_output_file_that_is_deleted_while_its_batch_runs_stays_deleted(
    store: Store,
) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0, blob_id="blob_a")))
    file_id = str((await batch_of(store)).output_file_id)
    assert (await store.files.delete(DEFAULT_PROJECT, file_id))[0]
    await store.segments.record(held, batch, results(chunk(1, blob_id="blob_b")))
    assert await store.files.get(DEFAULT_PROJECT, file_id) is None
    assert (await batch_of(store)).output_file_id == file_id
    assert (await batch_of(store)).completed_count == 2


async def test_the_last_line_ends_the_segment(store: Store) -> None:
    await begun(store, segment(lines=2))
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0, blob_id="blob_a")))
    assert len(await store.segments.unfinished(batch.id)) == 1
    await store.segments.record(held, batch, results(chunk(1, blob_id="blob_b")))
    assert await store.segments.unfinished(batch.id) == []


async def test_whoever_lost_the_lease_records_nothing(store: Store) -> None:
    await begun(store)
    stale, batch = await claim(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await store.segments.record(stale, batch, results(chunk(0)))
    assert await store.segments.ended_lines(stale.id) == set()
    assert await batch_of(store) == batch
    assert await charge_count(store) == 0


async def test_a_record_that_is_refused_keeps_nothing_of_it(store: Store) -> None:
    await begun(store, segment(lines=1))
    held, batch = await claim(store)
    with pytest.raises(StoreFailed):
        await store.segments.record(held, batch, results(chunk(0, 1)))
    assert await store.segments.ended_lines(held.id) == set()
    assert await batch_of(store) == batch
    assert await charge_count(store) == 0


async def test_a_released_segment_is_claimed_again(store: Store) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.release(held, batch)
    again, _ = await claim(store)
    assert again.id == held.id and again.lease_id != held.lease_id


async def test_a_stale_release_takes_nothing_away(store: Store) -> None:
    await begun(store)
    stale, batch = await claim(store)
    await store.leases.void_all()
    current, _ = await claim(store)
    await store.segments.release(stale, batch)
    await store.segments.record(current, batch, results(chunk(0)))


async def test_waiting_segments_are_held_in_order_whatever_their_batch_does(store: Store) -> None:
    batch = await begun(store, segment(0), segment(1), segment(2))
    await claim(store)
    assert await store.batches.cancel(batch)
    held = []
    for from_ordinal in (0, 2, 3):
        held.append(
            await store.segments.hold_next(
                batch.id, from_ordinal=from_ordinal, lease_expires_at=LEASED_UNTIL
            )
        )
    assert [None if each is None else each.ordinal for each in held] == [1, 2, None]


async def test_a_batch_has_unfinished_segments_until_all_are_done(store: Store) -> None:
    batch = await begun(store, segment(lines=1))
    assert await store.segments.has_unfinished(batch.id)
    held, batch = await claim(store)
    assert await store.segments.has_unfinished(batch.id)
    await store.segments.record(held, batch, results(chunk(0)))
    assert not await store.segments.has_unfinished(batch.id)


@pytest.mark.parametrize("lines", [1, 2])
async def test_what_is_recorded_again_after_an_unanswered_commit_is_real_once(
    store: Store, lines: int
) -> None:
    await begun(store, segment(lines=lines))
    held, batch = await claim(store)
    first = await store.segments.record(held, batch, results(chunk(0)))
    counted = await batch_of(store)
    assert await store.segments.record(held, batch, results(chunk(0))) == first == (lines == 1)
    assert await batch_of(store) == counted
    assert await charge_count(store) == 1
    assert len(await store.segments.chunks(batch.id, kind="output")) == 1


async def test_what_is_recorded_again_is_real_though_the_lease_was_lost_since(
    store: Store,
) -> None:
    await begun(store)
    held, batch = await claim(store)
    await store.segments.record(held, batch, results(chunk(0)))
    await store.leases.void_all()
    await store.segments.record(held, batch, results(chunk(0)))
    assert await charge_count(store) == 1


@pytest.mark.parametrize("is_lost", [False, True])
async def test_what_unfinished_lines_have_cost_is_noted_as_their_segment_is_given_back(
    store: Store, is_lost: bool
) -> None:
    await begun(store)
    held, batch = await claim(store)
    if is_lost:
        await store.leases.void_all()
    usage = Usage(input_tokens=10, output_tokens=2)
    waste = entry(kind=EntryKind.WASTE, subject_id="seg/lease", usage=usage)
    await store.segments.release(
        held, batch, tally=Tally(retries=3, waste=usage, waste_nanos=700), waste=waste
    )
    counted = await batch_of(store)
    assert (counted.retry_count, counted.waste_nanos) == (3, 700)
    assert (counted.waste_input_tokens, counted.waste_output_tokens) == (10, 2)
    assert (counted.ended_count, counted.output_file_id, counted.error_file_id) == (0, None, None)
    assert await charge_count(store) == 0
    await claim(store)


async def test_every_outcome_is_counted_by_its_name(store: Store) -> None:
    await begun(store, segment(lines=6))
    held, batch = await claim(store)
    outcomes = dict.fromkeys(LineOutcome, 1)
    both = results(chunk(0, 1), chunk(2, 3, 4, 5, kind="error", blob_id="blob_e"))
    await store.segments.record(held, batch, replace(both, tally=Tally(outcomes=outcomes)))
    counted = await batch_of(store)
    assert (counted.completed_count, counted.failed_count) == (2, 4)
    assert (counted.schema_failed_count, counted.refused_count) == (1, 1)
    assert (counted.engine_failed_count, counted.expired_count) == (1, 1)
    assert counted.cancelled_count == 1


async def test_leases_of_segments_are_voided_and_renewed(store: Store) -> None:
    await begun(store)
    held, _ = await claim(store)
    assert held.lease_id is not None
    assert await store.leases.renew({held.lease_id: 0}, until=LEASED_UNTIL) == {held.lease_id}
    assert await store.leases.void_all() == 1
    assert await store.leases.renew({held.lease_id: 0}, until=LEASED_UNTIL) == set()


async def test_leases_of_segments_that_ran_out_are_reaped(store: Store, clock: ManualClock) -> None:
    await begun(store)
    held, _ = await claim(store)
    clock.move(61)
    assert await store.leases.reap() == 1
    assert (await claim(store))[0].id == held.id


async def test_who_runs_batches_is_told_of_segments_that_were_reaped(
    store: Store, clock: ManualClock
) -> None:
    await begun(store)
    await claim(store)
    told: list[str] = []
    store.signals.on(Topic.BATCHES, told.append)
    await store.leases.reap()
    assert told == []
    clock.move(61)
    await store.leases.reap()
    assert told == [""]
