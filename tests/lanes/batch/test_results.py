"""Results that gather: kept until they are recorded, and recorded once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from forebay.core.errors import LeaseLost
from forebay.core.money import Usage
from forebay.lanes.batch.results import FULL_LINES, LineResult, ResultBuffer
from forebay.store.database import StoreFailed
from forebay.store.store import Store
from tests.fakes import Gate, ManualClock, looped
from tests.lanes.busy_store import BusyBlobs
from tests.store.makers import LEASED_UNTIL, batch_of, begun, charge_count, segment


@dataclass
class Gathering:
    """A buffer for the results of a leased segment, over blobs that may be busy."""

    store: Store
    blobs: BusyBlobs
    segment_id: str
    buffer: ResultBuffer

    def add(self, *numbers: int) -> None:
        """Gather the results of these lines."""
        for number in numbers:
            usage = Usage(input_tokens=10, output_tokens=2)
            self.buffer.add(LineResult(number=number, line=b"{}\n", usage=usage, cost_nanos=700))

    async def recorded(self) -> set[int]:
        """Return the numbers of the lines whose results are real."""
        return await self.store.segments.ended_lines(self.segment_id)


@pytest.fixture
async def gathering(store: Store, clock: ManualClock) -> Gathering:
    """A buffer for a segment of four lines."""
    await begun(store, segment(lines=4))
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    held, batch = claimed
    blobs = BusyBlobs(store.blobs)
    buffer = ResultBuffer(replace(store, blobs=blobs), held, batch, clock=clock)
    return Gathering(store, blobs, held.id, buffer)


async def test_a_flush_records_what_gathered(gathering: Gathering) -> None:
    gathering.add(0, 2)
    await gathering.buffer.flush()
    assert await gathering.recorded() == {0, 2}
    assert gathering.buffer.is_empty
    assert (await batch_of(gathering.store)).cost_nanos == 1400


async def test_a_buffer_is_full_by_its_lines_until_they_are_flushed(gathering: Gathering) -> None:
    gathering.add(*range(FULL_LINES - 1))
    assert not gathering.buffer.is_full
    gathering.add(FULL_LINES - 1)
    assert gathering.buffer.is_full


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


async def test_results_whose_lease_was_lost_are_kept(gathering: Gathering) -> None:
    gathering.add(0)
    await gathering.store.leases.void_all()
    with pytest.raises(LeaseLost):
        await gathering.buffer.flush()
    assert not gathering.buffer.is_empty


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
