"""Results that gather: kept until they are recorded, and recorded once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from forebay.core.batches import LineOutcome
from forebay.core.errors import LeaseLost
from forebay.core.money import Usage
from forebay.lanes.batch.results import FULL_BYTES, FULL_LINES, LineResult, ResultBuffer
from forebay.lanes.batch.room import Room
from forebay.store.database import Database, StoreFailed
from forebay.store.segments import ChunkRecord
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, looped
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.busy_store import BusyBlobs, BusySegments
from tests.store.makers import LEASED_UNTIL, batch_of, begun, charge_count, segment

ERRORS = (
    LineOutcome.REFUSED,
    LineOutcome.ENGINE_FAILED,
    LineOutcome.EXPIRED,
    LineOutcome.CANCELLED,
)


@dataclass
class Gathering:
    """A buffer for the results of a leased segment, over a store that may be busy."""

    store: Store
    blobs: BusyBlobs
    segments: BusySegments
    segment_id: str
    buffer: ResultBuffer
    room: Room

    def add(self, *numbers: int, line: bytes = b"{}\n") -> None:
        """Gather the results of these lines."""
        for number in numbers:
            usage = Usage(input_tokens=10, output_tokens=2)
            outcome = LineOutcome.COMPLETED
            self.buffer.add(
                LineResult(number=number, line=line, outcome=outcome, usage=usage, cost_nanos=700)
            )

    def fail(self, number: int, outcome: LineOutcome) -> None:
        """Gather a result that is no answer."""
        self.buffer.add(LineResult(number=number, line=b"{}\n", outcome=outcome))

    async def recorded(self) -> set[int]:
        """Return the numbers of the lines whose results are real."""
        return await self.store.segments.ended_lines(self.segment_id)

    async def chunks(self) -> list[ChunkRecord]:
        """Return the chunks of the segment."""
        return await self.store.segments.chunks_of(self.segment_id)


@pytest.fixture
async def gathering(
    store: Store, database: Database, clock: ManualClock, new_id: CountingIds
) -> Gathering:
    """A buffer for a segment of a thousand lines."""
    await begun(store, segment(lines=1000))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    held, batch = claimed
    blobs = BusyBlobs(store.blobs)
    segments = BusySegments(database, clock=clock, new_id=new_id)
    busy = replace(store, blobs=blobs, segments=segments)
    room = Room(max_bytes=1)
    buffer = ResultBuffer(busy, held, batch, clock=clock, room=room)
    return Gathering(store, blobs, segments, held.id, buffer, room)


async def test_a_flush_records_what_gathered(gathering: Gathering) -> None:
    gathering.add(0, 2)
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 2}
    assert gathering.buffer.is_empty
    assert (await batch_of(gathering.store)).cost_nanos == 1400


async def test_a_flush_of_nothing_writes_nothing(gathering: Gathering) -> None:
    assert not await gathering.buffer.flush()
    assert await gathering.chunks() == []


@pytest.mark.parametrize("outcome", LineOutcome)
async def test_each_outcome_is_counted_and_goes_to_its_file(
    gathering: Gathering, outcome: LineOutcome
) -> None:
    gathering.fail(3, outcome)
    await gathering.buffer.flush()
    batch = await batch_of(gathering.store)
    counts = {
        LineOutcome.COMPLETED: batch.completed_count,
        LineOutcome.SCHEMA_FAILED: batch.schema_failed_count,
        LineOutcome.REFUSED: batch.refused_count,
        LineOutcome.ENGINE_FAILED: batch.engine_failed_count,
        LineOutcome.EXPIRED: batch.expired_count,
        LineOutcome.CANCELLED: batch.cancelled_count,
    }
    assert counts[outcome] == 1
    (kept,) = await gathering.chunks()
    assert kept.kind == ("error" if outcome in ERRORS else "output")
    assert kept.failed_numbers == ([3] if outcome is LineOutcome.SCHEMA_FAILED else [])


async def test_retries_and_waste_are_counted_and_the_waste_is_in_the_ledger(
    gathering: Gathering, ledgers: Ledgers
) -> None:
    waste = Usage(input_tokens=5, output_tokens=1)
    outcome = LineOutcome.ENGINE_FAILED
    gathering.add(0)
    for number in (1, 2):
        gathering.buffer.add(
            LineResult(
                number=number,
                line=b"{}\n",
                outcome=outcome,
                retries=2,
                waste=waste,
                waste_nanos=300,
            )
        )
    await gathering.buffer.flush()
    batch = await batch_of(gathering.store)
    assert (batch.retry_count, batch.waste_nanos) == (4, 600)
    assert (batch.waste_input_tokens, batch.waste_output_tokens) == (10, 2)
    output = next(chunk for chunk in await gathering.chunks() if chunk.kind == "output")
    assert await ledgers.entries() == [
        ("charge", output.blob_id, 10, 2, 700),
        ("waste", f"{output.blob_id}/waste", 10, 2, 600),
    ]


async def test_what_was_not_wasted_makes_no_entry(gathering: Gathering, ledgers: Ledgers) -> None:
    gathering.add(0)
    gathering.fail(1, LineOutcome.REFUSED)
    await gathering.buffer.flush()
    assert [kind for kind, *_ in await ledgers.entries()] == ["charge"]


async def test_a_buffer_is_full_by_its_lines_until_they_are_flushed(gathering: Gathering) -> None:
    gathering.add(*range(FULL_LINES - 1))
    assert not gathering.buffer.is_full
    gathering.add(FULL_LINES - 1)
    assert gathering.buffer.is_full
    await gathering.buffer.flush()
    assert not gathering.buffer.is_full


async def test_what_gathered_while_nothing_was_flushed_makes_chunks_of_the_usual_size(
    gathering: Gathering,
) -> None:
    gathering.add(*range(2 * FULL_LINES + 1))
    await gathering.buffer.flush()
    sizes = [chunk.line_count for chunk in await gathering.chunks()]
    assert sizes == [FULL_LINES, FULL_LINES, 1]


async def test_a_chunk_is_full_by_its_bytes_and_holds_a_larger_line_alone(
    gathering: Gathering,
) -> None:
    half, large = b"x" * (FULL_BYTES // 2), b"x" * (FULL_BYTES + 1)
    gathering.add(0, 1, 2, line=half)
    assert gathering.buffer.is_full
    gathering.add(3, line=large)
    gathering.add(4, line=half)
    await gathering.buffer.flush()
    numbers = [chunk.numbers for chunk in await gathering.chunks()]
    assert numbers == [[0, 1], [2], [3], [4]]


async def test_a_flush_tells_when_the_batch_has_all_its_results(gathering: Gathering) -> None:
    gathering.add(*range(999))
    assert not await gathering.buffer.flush()
    gathering.add(999)
    assert await gathering.buffer.flush()


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
