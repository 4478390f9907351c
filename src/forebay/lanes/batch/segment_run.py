"""One claimed segment under way: lines get slots one by one, results are recorded as they come.

A result is flushed with its neighbours once enough have gathered, or when the first of them is old
enough: a second at first, then a hundredth of the time that the batch has run, so that a crash
costs no more than that, and a long batch has no more chunks than a short one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.core.errors import ForebayError, LeaseLost, RequestRejected
from forebay.lanes.admission import Accepted
from forebay.lanes.batch.bill import Bill
from forebay.lanes.batch.line_runner import LineRun, LineRunner
from forebay.lanes.batch.lines import custom_id_of, decode_line, segment_texts
from forebay.lanes.batch.results import NO_USAGE, LineResult, ResultBuffer
from forebay.lanes.batch.room import Room
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import log_failure, woken
from forebay.scheduler.slot import Slot
from forebay.store.chunks import Tally
from forebay.store.database import StoreFailed
from forebay.store.records import Urgency
from forebay.store.segments import SegmentRecord
from forebay.store.store import Store

log = logging.getLogger(__name__)

FLUSH_AFTER_S = 1.0
LATEST_FLUSH = 15  # times as long as the first, at most
FLUSH_SHARE = 0.01  # of the time that the batch has run
LINES_A_TURN = 64  # begun before the event loop gets its turn
LAST_FLUSHES = 4  # tried before what is done is dropped, with a pause between two


def flush_after_s(ran_s: float, *, first_s: float = FLUSH_AFTER_S) -> float:
    """Return how old a result may be before it is recorded, in a batch that has run so long."""
    return min(max(first_s, ran_s * FLUSH_SHARE), LATEST_FLUSH * first_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRooms:
    """What every run needs. `on_recorded` is called when a batch may have to be closed."""

    runner: LineRunner
    store: Store
    clock: Clock
    on_recorded: Callable[[], None]
    flush_after_s: float
    after_failure_s: float


class SegmentRun:
    """Runs what is left of a segment; `on_begun` is called once no line waits for its first slot.

    `on_failed` is called before a segment is given back that could not be run: claimed again at
    once, it would fail again. What it keeps in memory beside its lines takes of the `room`.
    """

    def __init__(
        self,
        rooms: SegmentRooms,
        segment: SegmentRecord,
        batch: Batch,
        *,
        room: Room,
        on_begun: Callable[[], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._rooms = rooms
        self._segment = segment
        self._batch = batch
        self._room = room
        self._on_begun = on_begun
        self._on_failed = on_failed
        self._buffer = ResultBuffer(rooms.store, segment, batch, clock=rooms.clock, room=room)
        self._under_way: dict[int, LineRun] = {}
        self._may_begin = asyncio.Event()
        self._has_results = asyncio.Event()
        self._must_flush = asyncio.Event()  # without waiting for its results to grow old
        self._is_over = False
        self._is_lost = False
        self._is_stopped = False
        self._has_failed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def place(self) -> Urgency:
        """Where it stands in the order."""
        return self._segment.band_rank, self._segment.deadline_at

    @property
    def has_failed(self) -> bool:
        """Whether it was given back because it could not be run."""
        return self._has_failed

    def let_begin(self, may_begin: bool) -> None:
        """Let it begin more lines, or not for now: what has begun goes on."""
        if may_begin:
            self._may_begin.set()
        else:
            self._may_begin.clear()

    def stop(self) -> None:
        """End it: what is done is recorded, the rest given back."""
        self._is_stopped = True
        if self._task is not None:  # cancelled before its first step, it would give nothing back
            self._task.cancel()

    def lose(self) -> None:
        """End it: its lease is lost, so nothing more of it can be recorded."""
        self._is_lost = True
        self.stop()

    async def run(self) -> None:
        """Run to the last line; when cut short, record what is done and give the rest back."""
        self._task = asyncio.current_task()
        try:
            if self._is_stopped:
                raise asyncio.CancelledError
            await self._run()
        except* asyncio.CancelledError:
            await uninterrupted(self._give_back())
        except* LeaseLost:
            self._is_lost = True
            await uninterrupted(self._give_back())
        except* Exception as error:
            log.error("segment failed", extra={"segment_id": self._segment.id}, exc_info=error)
            self._has_failed = True
            self._on_failed()
            await uninterrupted(self._give_back())

    async def _run(self) -> None:
        left = await self._lines_left()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._flush_as_it_goes())
            async with asyncio.TaskGroup() as running:
                while left:
                    await self._may_begin.wait()
                    number, text = left.pop()
                    await self._start(running, number, text)
                    if number % LINES_A_TURN == 0:
                        await asyncio.sleep(0)
                self._on_begun()
            self._is_over = True
            self._must_flush.set()
            self._has_results.set()

    async def _lines_left(self) -> list[tuple[int, bytes]]:
        """Return the lines without a result, the first one last."""
        ended = await self._rooms.store.segments.ended_lines(self._segment.id)
        content = await self._rooms.store.blobs.get(self._segment.extent)
        texts = segment_texts(content, count=self._segment.line_count)
        left = [each for each in enumerate(texts) if each[0] not in ended]
        return left[::-1]

    async def _start(self, running: asyncio.TaskGroup, number: int, text: bytes) -> None:
        """Begin a line once it has a slot, and the segment's earlier lines have theirs."""
        runner, batch = self._rooms.runner, self._batch
        run = LineRun(number, size_bytes=len(text))
        try:
            line = decode_line(text)
            run.custom_id = line.custom_id
            accepted = runner.admit(batch, line)
        except RequestRejected as error:
            self._add(runner.failed(batch, run, error))
            return
        except Exception:
            run.custom_id = run.custom_id or custom_id_of(text)
            self._add(self._broken(run))
            return
        slot = await runner.slot(batch, accepted)
        self._under_way[number] = run
        task = running.create_task(self._line(run, accepted, slot))
        # A task that is cancelled before its first step never runs a line of its own.
        task.add_done_callback(lambda _: slot.release())

    async def _line(self, run: LineRun, accepted: Accepted, slot: Slot) -> None:
        try:
            result = await self._rooms.runner.run(self._batch, run, accepted, slot, self._room)
        except Exception:
            result = self._broken(run)
        del self._under_way[run.number]
        self._add(result)

    def _broken(self, run: LineRun) -> LineResult:
        # A line that breaks us must not take its segment with it, again at each attempt.
        log.exception("batch line broke", extra={"segment_id": self._segment.id})
        broken = ForebayError("The server had an error processing this request.")
        return self._rooms.runner.failed(self._batch, run, broken)

    def _add(self, result: LineResult) -> None:
        self._buffer.add(result)
        self._has_results.set()
        if self._buffer.is_full:
            self._must_flush.set()

    async def _flush_as_it_goes(self) -> None:
        while not (self._is_over and self._buffer.is_empty):
            await self._has_results.wait()
            await woken(self._must_flush, within_s=self._flush_after_s())
            self._has_results.clear()
            if not self._is_over:
                self._must_flush.clear()
            try:
                if await self._buffer.flush():
                    self._rooms.on_recorded()
            except StoreFailed as error:
                # The results are kept: what has run must not run again for a busy disk.
                log_failure("recording results", error, segment_id=self._segment.id)
                await asyncio.sleep(self._rooms.after_failure_s)
                self._has_results.set()
                self._must_flush.set()

    def _flush_after_s(self) -> float:
        begun_at = self._batch.in_progress_at or self._batch.created_at
        ran_s = (self._rooms.clock.now() - begun_at) / 1000
        return flush_after_s(ran_s, first_s=self._rooms.flush_after_s)

    async def _give_back(self) -> None:
        """Record what is done, and note what all else has cost that must run again.

        What a lost lease makes us drop has cost as much as if it had failed. Whatever goes wrong
        here must not end the worker, and with it all that runs.
        """
        for step, doing in (
            (self._record_done, "recording results"),
            (self._release, "giving a segment back"),
        ):
            try:
                await step()
            except Exception as error:
                log_failure(doing, error, segment_id=self._segment.id)
        self._rooms.on_recorded()

    async def _record_done(self) -> None:
        """Record what is done; a store that refuses is asked again, for that cost a lot to make."""
        for left in reversed(range(LAST_FLUSHES)):
            if self._is_lost:
                return
            try:
                await self._buffer.flush()
                return
            except StoreFailed as error:
                if not left:
                    raise
                log_failure("recording results", error, segment_id=self._segment.id)
            self._on_begun()  # what waits of it will not begin, so nobody is to wait for that
            await asyncio.sleep(self._rooms.after_failure_s)

    async def _release(self) -> None:
        store, segment = self._rooms.store, self._segment
        tally = self._lost_tally()
        waste = Bill(segment, self._batch, clock=self._rooms.clock).waste(
            f"{segment.id}/{segment.lease_id}", tally
        )
        has_cost = waste is not None or tally.retries
        await store.segments.release(
            segment, self._batch, tally=tally if has_cost else None, waste=waste
        )

    def _lost_tally(self) -> Tally:
        """Return what gave no result: attempts that were cut off, results that are dropped."""
        cut, self._under_way = list(self._under_way.values()), {}
        lost = [(run.retries, run.waste, run.waste_nanos) for run in cut]
        lost += [
            (each.retries, each.usage + each.waste, each.cost_nanos + each.waste_nanos)
            for each in self._buffer.drop()
        ]
        return Tally(
            retries=sum([retries for retries, _, _ in lost]),
            waste=sum([waste for _, waste, _ in lost], NO_USAGE),
            waste_nanos=sum([nanos for _, _, nanos in lost]),
        )
