"""One claimed segment under way: lines get slots one by one, results are recorded as they come.

A result is flushed with its neighbours once enough have gathered, or a second after the first of
them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from forebay.core.batches import Batch
from forebay.core.errors import ForebayError, RequestRejected
from forebay.lanes.admission import Accepted
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.lines import SegmentLine, decode_lines
from forebay.lanes.batch.results import LineResult, ResultBuffer
from forebay.lanes.wake import log_failure, woken
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot
from forebay.store.database import StoreFailed
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store

log = logging.getLogger(__name__)

FLUSH_AFTER_S = 1.0


class SegmentRun:
    """Runs what is left of a segment. `all_have_slots` is set once no line waits for a slot."""

    def __init__(
        self,
        runner: LineRunner,
        dispatcher: Dispatcher,
        store: Store,
        segment: SegmentRecord,
        batch: Batch,
        buffer: ResultBuffer,
        *,
        on_progress: Callable[[], None],
        flush_after_s: float,
        after_failure_s: float,
    ) -> None:
        self._runner = runner
        self._dispatcher = dispatcher
        self._store = store
        self._segment = segment
        self._batch = batch
        self._buffer = buffer
        self._on_progress = on_progress
        self._flush_after_s = flush_after_s
        self._after_failure_s = after_failure_s
        self._has_results = asyncio.Event()
        self._is_over = asyncio.Event()
        self.all_have_slots = asyncio.Event()

    async def run(self) -> None:
        """Run to the last line; when cut short, record what is done and give the rest back."""
        try:
            left = await self._lines_left()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._flush_as_it_goes())
                async with asyncio.TaskGroup() as running:
                    for number, line in left:
                        await self._start(running, number, line)
                    self.all_have_slots.set()
                self._is_over.set()
                self._has_results.set()
        except* asyncio.CancelledError:
            await self._give_back()
        except* Exception as error:
            log.error("segment failed", extra={"segment_id": self._segment.id}, exc_info=error)
            try:
                # Given back at once, it would be claimed and fail again at once.
                await asyncio.sleep(self._after_failure_s)
            finally:
                await self._give_back()

    async def _lines_left(self) -> list[tuple[int, SegmentLine]]:
        ended = await self._store.segments.ended_lines(self._segment.id)
        lines = decode_lines(await self._store.blobs.get(self._segment.extent))
        return [(number, line) for number, line in enumerate(lines) if number not in ended]

    async def _start(self, running: asyncio.TaskGroup, number: int, line: SegmentLine) -> None:
        """Begin a line once it has a slot, and the segment's earlier lines have theirs."""
        try:
            accepted = self._runner.admit(self._batch, line)
        except RequestRejected as error:
            self._add(self._runner.failed(self._batch, number, line, error))
            return
        except Exception:
            self._add(self._broken(number, line))
            return
        slot = await self._dispatcher.acquire(
            accepted.served.pool,
            band_rank=self._batch.band_rank,
            deadline_at=self._batch.deadline_at,
        )
        task = running.create_task(self._line(number, line, accepted, slot))
        task.add_done_callback(lambda _: slot.release())

    async def _line(self, number: int, line: SegmentLine, accepted: Accepted, slot: Slot) -> None:
        try:
            result = await self._runner.run(self._batch, number, line, accepted, slot)
        except Exception:
            result = self._broken(number, line)
        self._add(result)

    def _broken(self, number: int, line: SegmentLine) -> LineResult:
        # A line that breaks us must not take its segment with it, again at each attempt.
        log.exception("batch line broke", extra={"segment_id": self._segment.id})
        broken = ForebayError("The server had an error processing this request.")
        return self._runner.failed(self._batch, number, line, broken)

    def _add(self, result: LineResult) -> None:
        self._buffer.add(result)
        self._has_results.set()

    async def _flush_as_it_goes(self) -> None:
        while not (self._is_over.is_set() and self._buffer.is_empty):
            await self._has_results.wait()
            self._has_results.clear()
            if not self._buffer.is_full:
                await woken(self._is_over, within_s=self._flush_after_s)
            try:
                await self._buffer.flush()
            except StoreFailed as error:
                # The results are kept: what has run must not run again for a busy disk.
                log_failure("recording results", error, segment_id=self._segment.id)
                await asyncio.sleep(self._after_failure_s)
                self._has_results.set()
            self._on_progress()

    async def _give_back(self) -> None:
        try:
            await self._buffer.flush()
            await self._store.segments.release(self._segment)
        except ForebayError as error:
            log.warning(
                "segment not given back",
                extra={"segment_id": self._segment.id, "code": error.code},
            )
        self._on_progress()
