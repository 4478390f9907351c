"""What a batch came to: the numbers of its report, which add up whatever it was told.

What is spent on a batch is its cost and that of its waste; the number to steer by is that divided
by the records that are accepted in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCounts:
    """How many results were judged downstream, by what they would have been taken for without."""

    confirmed: int = 0  # accepted, as without a verdict
    raised: int = 0  # accepted, although they have not the form that was asked for
    dropped: int = 0  # rejected, although they have it
    denied: int = 0  # rejected, and without that form

    @property
    def accepted(self) -> int:
        """How many were accepted."""
        return self.confirmed + self.raised

    @property
    def rejected(self) -> int:
        """How many were rejected."""
        return self.dropped + self.denied


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCounts:
    """What became of a batch's lines. Each is counted once: the parts add up to `total`.

    `rejected` are those by verdict, `schema_failed` those of another form that nobody judged.
    """

    total: int
    accepted: int
    rejected: int
    schema_failed: int
    refused: int
    engine_failed: int
    expired: int
    cancelled: int
    unfinished: int

    @property
    def run(self) -> int:
        """How many were run to their end."""
        return self.total - self.unfinished - self.expired - self.cancelled


def count_lines(batch: Batch, verdicts: VerdictCounts) -> LineCounts:
    """Return what became of the lines."""
    in_form = batch.completed_count - batch.schema_failed_count
    return LineCounts(
        total=batch.total_count,
        accepted=in_form - verdicts.dropped + verdicts.raised,
        rejected=verdicts.rejected,
        schema_failed=batch.schema_failed_count - verdicts.raised - verdicts.denied,
        refused=batch.refused_count,
        # What failed before the reasons were counted is among these.
        engine_failed=batch.failed_count
        - batch.refused_count
        - batch.expired_count
        - batch.cancelled_count,
        expired=batch.expired_count,
        cancelled=batch.cancelled_count,
        unfinished=batch.total_count - batch.ended_count,
    )


def ended_at(batch: Batch) -> Instant | None:
    """Return when the batch ended, whichever way; None while it has not."""
    ends = (batch.completed_at, batch.failed_at, batch.expired_at, batch.cancelled_at)
    return next((end for end in ends if end is not None), None)


def wall_s(batch: Batch, *, now: Instant) -> float:
    """Return the seconds from the batch's creation to its end, or to now."""
    return _seconds(batch.created_at, ended_at(batch) or now)


def run_s(batch: Batch, *, now: Instant) -> float | None:
    """Return for how many seconds its lines ran, so far; None when none could yet."""
    if batch.in_progress_at is None:
        return None
    stopped_at = batch.finalizing_at or batch.cancelling_at or ended_at(batch) or now
    return _seconds(batch.in_progress_at, stopped_at)


def margin_s(batch: Batch, *, now: Instant) -> float | None:
    """Return what was left of the window at the end, or is left now; below 0 it is missed.

    None for a batch that failed validation: nothing of it ever ran.
    """
    if batch.status is BatchStatus.FAILED:
        return None
    return (batch.deadline_at - (batch.cancelling_at or ended_at(batch) or now)) / 1000


def is_window_met(batch: Batch, *, now: Instant) -> bool | None:
    """Tell whether the window was met; None while that is open, or as long as it could have been.

    The latter is so of a batch that was cancelled in time.
    """
    margin = margin_s(batch, now=now)
    if margin is None:
        return None
    if margin < 0:
        return False
    if batch.status is BatchStatus.EXPIRED:
        # It was given up with lines undone, however wide its window still was.
        return False
    return True if batch.status is BatchStatus.COMPLETED else None


def _seconds(since: Instant, until: Instant) -> float:
    return max(0, until - since) / 1000
