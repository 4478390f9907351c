"""A batch: many requests under one id, its states, and the moves between them.

The words are OpenAI's (the Batch object of its API). A batch keeps what was finished: cancelling
and expiring stop further work, they never take results back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BatchStatus(StrEnum):
    """The API's own words."""

    VALIDATING = "validating"  # left by the validator, or by cancel
    IN_PROGRESS = "in_progress"  # left by finalize, cancel or expire
    FINALIZING = "finalizing"  # left by finalize
    COMPLETED = "completed"
    FAILED = "failed"  # the input did not validate
    EXPIRED = "expired"
    CANCELLING = "cancelling"  # left when the last running line has ended
    CANCELLED = "cancelled"


LEGAL_MOVES: dict[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.VALIDATING: frozenset(
        {BatchStatus.IN_PROGRESS, BatchStatus.FAILED, BatchStatus.CANCELLING}
    ),
    BatchStatus.IN_PROGRESS: frozenset(
        {BatchStatus.FINALIZING, BatchStatus.CANCELLING, BatchStatus.EXPIRED}
    ),
    BatchStatus.FINALIZING: frozenset({BatchStatus.COMPLETED, BatchStatus.EXPIRED}),
    BatchStatus.CANCELLING: frozenset({BatchStatus.CANCELLED}),
    BatchStatus.COMPLETED: frozenset(),
    BatchStatus.FAILED: frozenset(),
    BatchStatus.EXPIRED: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}


def is_final(status: BatchStatus) -> bool:
    """Tell whether nothing can change a batch in this status any more."""
    return not LEGAL_MOVES[status]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounts:
    """How many lines a batch has, and how many of them have ended which way."""

    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        """Lines with a recorded result."""
        return self.completed + self.failed
