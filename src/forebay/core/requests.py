"""A request: one inference asked of us, its states, and the moves between them.

A durable request is changed only by whoever holds its lease (`claim` hands the lease out, `settle`
and `requeue` end it) or by `cancel`, which wins over everything. After a crash the leases are void
and the requests run again as a new attempt.
"""

from __future__ import annotations

from enum import StrEnum


class RequestStatus(StrEnum):
    """The API's own words."""

    QUEUED = "queued"  # left by claim, cancel or expire
    IN_PROGRESS = "in_progress"  # left by settle, requeue, reap, cancel or expire
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"  # stopped by a token limit or a filter
    FAILED = "failed"
    CANCELLED = "cancelled"


LEGAL_MOVES: dict[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.QUEUED: frozenset(
        {RequestStatus.IN_PROGRESS, RequestStatus.CANCELLED, RequestStatus.FAILED}
    ),
    RequestStatus.IN_PROGRESS: frozenset(
        {
            RequestStatus.QUEUED,
            RequestStatus.COMPLETED,
            RequestStatus.INCOMPLETE,
            RequestStatus.FAILED,
            RequestStatus.CANCELLED,
        }
    ),
    RequestStatus.COMPLETED: frozenset(),
    RequestStatus.INCOMPLETE: frozenset(),
    RequestStatus.FAILED: frozenset(),
    RequestStatus.CANCELLED: frozenset(),
}


def is_final(status: RequestStatus) -> bool:
    """Tell whether nothing can change a request in this status any more."""
    return not LEGAL_MOVES[status]
