"""The answers of Message Batches."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from forebay.api.openapi.answers.shared import Cost, Count, Seconds

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class MessageBatchCounts(msgspec.Struct):
    """What became of the requests; until all have ended, every one of them is processing."""

    processing: Count
    succeeded: Count
    errored: Count
    canceled: Count
    expired: Count


class MessageBatchForebay(msgspec.Struct):
    """What is Forebay's own of a Message Batch."""

    window: str
    deadline_at: Seconds
    cost: Cost


class MessageBatch(msgspec.Struct):
    """A Message Batch, as it stands."""

    id: str
    type: Literal["message_batch"]
    processing_status: Literal["in_progress", "canceling", "ended"]
    request_counts: MessageBatchCounts
    created_at: Time
    expires_at: Time
    ended_at: Time | None
    cancel_initiated_at: Time | None
    archived_at: Time | None
    results_url: str | None
    forebay: MessageBatchForebay


class MessageBatchPage(msgspec.Struct):
    """A page of Message Batches; the next one begins after its `last_id`."""

    data: list[MessageBatch]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedMessageBatch(msgspec.Struct):
    """A Message Batch that was deleted."""

    id: str
    type: Literal["message_batch_deleted"]
