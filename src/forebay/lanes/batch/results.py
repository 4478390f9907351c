"""Results of a segment's lines: gathered in memory, flushed as chunks, real once recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.core.lanes import Lane
from forebay.core.ledger import EntryKind, LedgerEntry
from forebay.core.money import Usage
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.segments import NewChunk, Results, SegmentRecord
from forebay.store.store import Store

FULL_LINES = 64
FULL_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """The result of line `number` of a segment, as its file will hold it."""

    number: int
    line: bytes
    is_error: bool = False
    usage: Usage = field(default_factory=Usage)
    cost_nanos: int = 0


class ResultBuffer:
    """The results of one segment that are not recorded yet."""

    def __init__(self, store: Store, segment: SegmentRecord, batch: Batch, *, clock: Clock) -> None:
        self._store = store
        self._segment = segment
        self._batch = batch
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._pending: list[LineResult] = []
        self._pending_bytes = 0

    def add(self, result: LineResult) -> None:
        """Gather one result."""
        self._pending.append(result)
        self._pending_bytes += len(result.line)

    @property
    def is_empty(self) -> bool:
        """Whether every result is recorded."""
        return not self._pending

    @property
    def is_full(self) -> bool:
        """Whether a chunk should be flushed without waiting for its age."""
        return len(self._pending) >= FULL_LINES or self._pending_bytes >= FULL_BYTES

    async def flush(self) -> None:
        """Write what gathered as chunks and record them.

        Raises `LeaseLost` or `StoreFailed`; the results are kept then. A cancellation takes effect
        after the flush, because it has to be known what was recorded.
        """
        await uninterrupted(self._flush())

    async def _flush(self) -> None:
        async with self._one_at_a_time:
            results = list(self._pending)
            if results:
                await self._record(results)
                del self._pending[: len(results)]
                self._pending_bytes = sum(len(result.line) for result in self._pending)

    async def _record(self, results: list[LineResult]) -> None:
        output = await self._chunk("output", [r for r in results if not r.is_error])
        errors = await self._chunk("error", [r for r in results if r.is_error])
        usage = sum((result.usage for result in results), Usage())
        cost_nanos = sum(result.cost_nanos for result in results)
        await self._store.segments.record(
            self._segment,
            self._batch,
            Results(
                output=output,
                errors=errors,
                usage=usage,
                cost_nanos=cost_nanos,
                charge=None if output is None else self._charge(output, usage, cost_nanos),
            ),
        )

    async def _chunk(self, kind: str, results: list[LineResult]) -> NewChunk | None:
        if not results:
            return None
        blob = await self._store.blobs.put(b"".join([result.line for result in results]))
        return NewChunk(
            kind=kind,
            blob_id=blob.id,
            size_bytes=blob.size_bytes,
            line_numbers=[result.number for result in results],
        )

    def _charge(self, chunk: NewChunk, usage: Usage, cost_nanos: int) -> LedgerEntry:
        now = self._clock.now()
        return LedgerEntry(
            kind=EntryKind.CHARGE,
            subject_id=chunk.blob_id,
            project_id=self._batch.project_id,
            key_id=self._batch.key_id,
            lane=Lane.BATCH,
            window=self._batch.completion_window,
            model=self._segment.model,
            usage=usage,
            cost_nanos=cost_nanos,
            is_window_met=now <= self._batch.deadline_at,
            created_at=now,
        )
