"""The wire shapes of Message Batches, as Anthropic's API has them: the object, and its lists.

What became of requests is told when all have ended: until then every one of them is processing.
"""

from __future__ import annotations

import msgspec

from forebay.core.batches import Batch, BatchApi, BatchStatus, is_final
from forebay.core.clock import Instant, after, seconds_of
from forebay.core.money import show_nanos
from forebay.dialects.models import rfc3339
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode

ENDPOINT = "/v1/messages"
RESULTS_LIFE_S = 29 * 86_400.0
"""Results can be had for so long after their batch was created."""

_VERSION = "anthropic_version"


def kept_metadata(version: str | None) -> str:
    """Return what is kept with a batch of the version of the API that its maker called."""
    return encode({} if version is None else {_VERSION: version}).decode()


def version_of(batch: Batch) -> str | None:
    """Return the version of Anthropic's API that a batch's requests are run under, if any."""
    if batch.api is not BatchApi.MESSAGE_BATCHES:
        return None
    return msgspec.json.decode(batch.metadata, type=dict[str, str]).get(_VERSION)


def archived_at(batch: Batch, now: Instant) -> Instant | None:
    """Return when the results of a batch that has ended became unavailable, if they are."""
    until = after(batch.created_at, RESULTS_LIFE_S)
    return until if is_final(batch.status) and until <= now else None


def was_never_begun(batch: Batch) -> bool:
    """Tell whether a batch has ended before any of its requests could be run, or be recorded."""
    return is_final(batch.status) and batch.in_progress_at is None


def has_expired_unbegun(batch: Batch) -> bool:
    """Tell whether a batch that was never begun has run out of time, by what is said of it."""
    return '"batch_expired"' in (batch.errors or "")


def message_batch(batch: Batch, *, now: Instant, currency: str, results_url: str) -> JsonObject:
    """Return the `message_batch` object; the URL is shown while there is something behind it."""
    archived = archived_at(batch, now)
    has_results = is_final(batch.status) and archived is None
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": _processing_status(batch.status),
        "request_counts": _counts(batch),
        "created_at": rfc3339(batch.created_at),
        "expires_at": rfc3339(batch.expires_at),
        "ended_at": _time(_ended_at(batch)),
        "cancel_initiated_at": _time(batch.cancelling_at),
        "archived_at": _time(archived),
        "results_url": results_url if has_results else None,
        "forebay": {
            "window": batch.completion_window,
            "deadline_at": seconds_of(batch.deadline_at),
            "cost": {"amount": show_nanos(batch.cost_nanos), "currency": currency},
        },
    }


def message_batch_page(batches: list[JsonObject], *, has_more: bool) -> JsonObject:
    """Return a page of a list, newest first."""
    return {
        "data": batches,
        "has_more": has_more,
        "first_id": batches[0]["id"] if batches else None,
        "last_id": batches[-1]["id"] if batches else None,
    }


def deleted_message_batch(batch_id: str) -> JsonObject:
    """Return what is said of a batch that was deleted."""
    return {"id": batch_id, "type": "message_batch_deleted"}


def _processing_status(status: BatchStatus) -> str:
    if is_final(status):
        return "ended"
    return "canceling" if status is BatchStatus.CANCELLING else "in_progress"


def _counts(batch: Batch) -> JsonObject:
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    if not is_final(batch.status):
        counts["processing"] = batch.total_count
    elif was_never_begun(batch):
        counts[_kind_of_unbegun(batch)] = batch.total_count
    else:
        counts["succeeded"] = batch.completed_count
        counts["canceled"] = batch.cancelled_count
        counts["expired"] = batch.expired_count
        counts["errored"] = batch.total_count - sum(counts.values())
    return {**counts}


def _kind_of_unbegun(batch: Batch) -> str:
    if batch.status is BatchStatus.CANCELLED:
        return "canceled"
    return "expired" if has_expired_unbegun(batch) else "errored"


def _ended_at(batch: Batch) -> Instant | None:
    if not is_final(batch.status):
        return None
    return batch.completed_at or batch.failed_at or batch.expired_at or batch.cancelled_at


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)
