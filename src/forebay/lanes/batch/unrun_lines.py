"""The lines of a batch that will not be run: each gets a result that says so.

Segment by segment, so that a batch of any size is closed in little memory; a few lines at a time,
so that nobody else waits for it; and a few segments at a time over all batches, in turn, so that a
large batch does not hold back a small one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import Clock
from forebay.core.errors import ForebayError
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.results import ResultBuffer
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store

SEGMENTS_AT_A_TIME = 4
LINES_A_TURN = 32  # given their results before the event loop gets its turn


class _CustomId(msgspec.Struct):
    custom_id: str


_decoder = msgspec.json.Decoder(_CustomId)


class UnrunLines:
    """Ends the lines of batches without running them."""

    def __init__(
        self, runner: LineRunner, store: Store, leases: LeaseKeeper, *, clock: Clock
    ) -> None:
        self._runner = runner
        self._store = store
        self._leases = leases
        self._clock = clock
        self._few = asyncio.Semaphore(SEGMENTS_AT_A_TIME)

    async def end(self, batch: Batch, outcome: LineOutcome) -> bool:
        """Give every line without a result this one; False if some are in other hands still."""
        ordinal = 0
        while True:
            async with self._few:
                held = await self._store.segments.hold_next(
                    batch.id, from_ordinal=ordinal, lease_expires_at=self._leases.until()
                )
                if held is None:
                    return not await self._store.segments.has_unfinished(batch.id)
                await self._end_segment(batch, held, outcome)
            ordinal = held.ordinal + 1

    async def _end_segment(
        self, batch: Batch, segment: SegmentRecord, outcome: LineOutcome
    ) -> None:
        try:
            await self._end_lines(batch, segment, outcome)
        except BaseException:
            with suppress(ForebayError):  # then its lease runs out
                await uninterrupted(self._store.segments.release(segment, batch))
            raise

    async def _end_lines(self, batch: Batch, segment: SegmentRecord, outcome: LineOutcome) -> None:
        buffer = ResultBuffer(self._store, segment, batch, clock=self._clock)
        ended = await self._store.segments.ended_lines(segment.id)
        texts = (await self._store.blobs.get(segment.extent)).split(b"\n")
        for number, text in enumerate(texts):
            if number % LINES_A_TURN == 0:
                await asyncio.sleep(0)
            if text and number not in ended:
                custom_id = _decoder.decode(text).custom_id
                buffer.add(self._runner.unrun(batch, number, custom_id, outcome))
            if buffer.is_full:
                await buffer.flush()
        await buffer.flush()
