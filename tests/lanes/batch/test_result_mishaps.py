"""Results whose flush is cut short, refused or not answered: kept, and recorded once."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.batches import LineOutcome
from forebay.core.errors import LeaseLost
from forebay.store.database import StoreFailed
from tests.fakes import Gate, looped
from tests.lanes.batch.gathering import Gathering
from tests.store.makers import batch_of, charge_count


async def test_both_chunks_of_a_flush_are_written_at_the_same_time(gathering: Gathering) -> None:
    gathering.blobs.gate = gate = Gate()
    gathering.add(0)
    gathering.fail(1, LineOutcome.REFUSED)
    flushing = asyncio.create_task(gathering.buffer.flush())
    await gate.reached.wait()
    await looped()
    assert gathering.blobs.waiting == 2
    gate.open()
    await flushing


async def test_results_that_the_store_refused_are_kept_for_the_next_flush(
    gathering: Gathering,
) -> None:
    gathering.blobs.refused_puts = 1
    gathering.add(0, 1)
    with pytest.raises(StoreFailed):
        await gathering.buffer.flush()
    assert not gathering.buffer.is_empty
    assert await gathering.recorded() == set()
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 1}
    assert await charge_count(gathering.store) == 1


async def test_a_chunk_whose_fellow_could_not_be_written_is_deleted(gathering: Gathering) -> None:
    gathering.blobs.refused_puts = 1
    gathering.add(0)
    gathering.fail(1, LineOutcome.REFUSED)
    with pytest.raises(StoreFailed):
        await gathering.buffer.flush()
    assert gathering.blobs.kept == set()
    await gathering.buffer.flush()
    named = {chunk.blob_id for chunk in await gathering.chunks()}
    assert gathering.blobs.kept == named and len(named) == 2


async def test_chunks_that_could_not_be_recorded_are_not_written_again(
    gathering: Gathering,
) -> None:
    gathering.segments.refused = 2
    gathering.add(0)
    for _ in range(2):
        with pytest.raises(StoreFailed):
            await gathering.buffer.flush()
    await gathering.buffer.flush()
    assert gathering.blobs.kept == {chunk.blob_id for chunk in await gathering.chunks()}
    assert gathering.blobs.puts == 1


async def test_results_whose_commit_was_not_answered_are_recorded_once(
    gathering: Gathering,
) -> None:
    gathering.segments.unsure = 1
    gathering.add(0, 1)
    with pytest.raises(StoreFailed):
        await gathering.buffer.flush()
    gathering.add(2)
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 1, 2}
    assert (await batch_of(gathering.store)).completed_count == 3
    assert await charge_count(gathering.store) == 2
    assert gathering.buffer.is_empty


async def test_results_whose_lease_was_lost_are_kept_but_not_their_chunks(
    gathering: Gathering,
) -> None:
    gathering.add(0)
    await gathering.store.leases.void_all()
    with pytest.raises(LeaseLost):
        await gathering.buffer.flush()
    assert not gathering.buffer.is_empty
    assert gathering.blobs.kept == set()


async def test_what_may_have_been_recorded_is_not_dropped_as_lost(gathering: Gathering) -> None:
    gathering.segments.unsure = 1
    gathering.add(0)
    with pytest.raises(StoreFailed):
        await gathering.buffer.flush()
    gathering.add(1)
    assert [result.number for result in gathering.buffer.drop()] == [1]
    assert gathering.buffer.is_empty
    assert len(gathering.blobs.kept) == 1


async def test_results_take_room_until_they_are_recorded_or_dropped(gathering: Gathering) -> None:
    gathering.add(0)
    assert not gathering.room.is_free
    await gathering.buffer.flush()
    assert gathering.room.is_free
    gathering.add(1)
    gathering.buffer.drop()
    assert gathering.room.is_free


async def test_a_cancelled_flush_ends_before_the_cancellation_takes_effect(
    gathering: Gathering,
) -> None:
    gathering.blobs.gate = gate = Gate()
    gathering.add(0, 1)
    flushing = asyncio.create_task(gathering.buffer.flush())
    await gate.reached.wait()
    flushing.cancel()
    await looped()
    assert not flushing.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    assert await gathering.recorded() == {0, 1}
    assert gathering.buffer.is_empty


async def test_a_cancelled_flush_that_the_store_refuses_keeps_its_results(
    gathering: Gathering,
) -> None:
    gathering.add(0)
    gathering.blobs.gate = gate = Gate()
    flushing = asyncio.create_task(gathering.buffer.flush())
    await gate.reached.wait()
    flushing.cancel()
    await gathering.store.leases.void_all()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    assert not gathering.buffer.is_empty


async def test_a_result_that_comes_during_a_flush_is_for_the_next(gathering: Gathering) -> None:
    gathering.blobs.gate = gate = Gate()
    gathering.add(0)
    flushing = asyncio.create_task(gathering.buffer.flush())
    await gate.reached.wait()
    gathering.add(1)
    gate.open()
    await flushing
    assert await gathering.recorded() == {0}
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 1}


async def test_two_flushes_at_one_time_record_each_result_once(gathering: Gathering) -> None:
    gathering.blobs.gate = gate = Gate()
    gathering.add(0, 1)
    flushes = [asyncio.create_task(gathering.buffer.flush()) for _ in range(2)]
    await gate.reached.wait()
    await looped()
    gate.open()
    await asyncio.gather(*flushes)
    assert await gathering.recorded() == {0, 1}
    assert await charge_count(gathering.store) == 1
