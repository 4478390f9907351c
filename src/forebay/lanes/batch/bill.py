"""What goes into the ledger for the lines of a segment."""

from __future__ import annotations

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.core.lanes import Lane
from forebay.core.ledger import EntryKind, LedgerEntry
from forebay.core.money import Usage
from forebay.store.chunks import Tally
from forebay.store.segments import SegmentRecord


class Bill:
    """Writes the entries of one segment of a batch."""

    def __init__(self, segment: SegmentRecord, batch: Batch, *, clock: Clock) -> None:
        self._segment = segment
        self._batch = batch
        self._clock = clock

    def charge(self, subject_id: str, usage: Usage, cost_nanos: int) -> LedgerEntry:
        """Return the one charge of a chunk."""
        return self._entry(EntryKind.CHARGE, subject_id, usage, cost_nanos)

    def waste(self, subject_id: str, tally: Tally) -> LedgerEntry | None:
        """Return what attempts have cost that gave no result; None where none cost any."""
        if tally.waste == Usage():
            return None
        return self._entry(EntryKind.WASTE, subject_id, tally.waste, tally.waste_nanos)

    def _entry(
        self, kind: EntryKind, subject_id: str, usage: Usage, cost_nanos: int
    ) -> LedgerEntry:
        now = self._clock.now()
        return LedgerEntry(
            kind=kind,
            subject_id=subject_id,
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
