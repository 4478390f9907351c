"""A batch: many requests under one id, its states, and the moves between them.

The words are OpenAI's (the Batch object of its API). A batch keeps what was finished: cancelling
and expiring stop further work, they never take results back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.core.clock import Instant
from forebay.core.money import Usage


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


class BatchApi(StrEnum):
    """By which vendor's API a batch is made and seen."""

    BATCHES = "batches"  # OpenAI's: files in, files out
    MESSAGE_BATCHES = "message_batches"  # Anthropic's: requests in a body, results at a URL


class LineOutcome(StrEnum):
    """What became of a line of a batch."""

    COMPLETED = "completed"
    SCHEMA_FAILED = "schema_failed"  # answered, but not in the strict form that was asked for
    REFUSED = "refused"  # the request was wrong: nothing could have answered it
    ENGINE_FAILED = "engine_failed"
    EXPIRED = "expired"  # not run before the batch expired
    CANCELLED = "cancelled"  # not run because the batch was cancelled

    @property
    def has_output(self) -> bool:
        """Whether its result is in the batch's output, and not among its errors."""
        return self in (LineOutcome.COMPLETED, LineOutcome.SCHEMA_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch as it is accepted. `metadata` is a JSON object of strings.

    The input of one that is a retry is what failed or expired in the batch `retry_of`. The number
    of requests is known at once (`total_count`) or found by validation.
    """

    id: str
    project_id: str
    key_id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    band_rank: int
    metadata: str
    created_at: Instant
    deadline_at: Instant
    expires_at: Instant
    output_expires_after_s: int | None = None
    api: BatchApi = BatchApi.BATCHES
    retry_of: str | None = None
    total_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(NewBatch):
    """A batch as it is kept. `errors` is JSON.

    Of the completed lines, `schema_failed_count` are not in the form that was asked for. The counts
    from `refused_count` to `cancelled_count` are those of the failed ones.
    """

    model: str | None
    status: BatchStatus
    errors: str | None
    in_progress_at: Instant | None
    finalizing_at: Instant | None
    completed_at: Instant | None
    failed_at: Instant | None
    expired_at: Instant | None
    cancelling_at: Instant | None
    cancelled_at: Instant | None
    completed_count: int
    failed_count: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_nanos: int
    output_file_id: str | None
    error_file_id: str | None
    index_blob_id: str | None
    deleted_at: Instant | None
    schema_failed_count: int
    refused_count: int
    engine_failed_count: int
    expired_count: int
    cancelled_count: int
    retry_count: int
    waste_input_tokens: int
    waste_output_tokens: int
    waste_nanos: int

    @property
    def ended_count(self) -> int:
        """How many of its lines have a result."""
        return self.completed_count + self.failed_count

    @property
    def usage(self) -> Usage:
        """The tokens of all recorded results."""
        return Usage(
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )
