"""The lines of a batch that will not be run: each gets a result that says so.

Segment by segment, so that a batch of any size is closed in little memory; a few lines at a time,
so that nobody else waits for it; and a few segments at a time over all batches, in turn, so that a
large batch does not hold back a small one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import Clock
from forebay.core.errors import ForebayError
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.lines import custom_id_of, segment_texts
from forebay.lanes.batch.results import ResultBuffer
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.blobs import BlobMissing
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store

log = logging.getLogger(__name__)

SEGMENTS_AT_A_TIME = 4
LINES_A_TURN = 32  # given their results before the event loop gets its turn


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
        for number, text in enumerate(await self._texts(segment)):
            if number % LINES_A_TURN == 0:
                await asyncio.sleep(0)
            if number not in ended:
                buffer.add(self._runner.unrun(batch, number, custom_id_of(text), outcome))
            if buffer.is_full:
                await buffer.flush()
        await buffer.flush()

    async def _texts(self, segment: SegmentRecord) -> list[bytes]:
        try:
            content = await self._store.blobs.get(segment.extent)
        except BlobMissing:
            # The batch has to end all the same, with a result for each of its lines.
            log.error("plan lost", extra={"batch_id": segment.batch_id, "blob_id": segment.blob_id})
            content = b""
        return segment_texts(content, count=segment.line_count)
