"""The `message_batch` object, in each state of the batch behind it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from forebay.core.batches import Batch, BatchApi, BatchStatus
from forebay.core.clock import Instant
from forebay.dialects.message_batches import (
    RESULTS_LIFE_S,
    kept_metadata,
    message_batch,
    version_of,
)
from forebay.dialects.turn import JsonObject

URL = "http://here/v1/messages/batches/msgbatch_1/results"
CREATED_AT = Instant(1_760_000_000_000)


def batch(**others: Any) -> Batch:
    """Return a Message Batch of ten requests."""
    values: dict[str, Any] = {
        field.name: None if "None" in str(field.type) else 0 for field in fields(Batch)
    }
    values |= {
        "id": "msgbatch_1",
        "api": BatchApi.MESSAGE_BATCHES,
        "status": BatchStatus.IN_PROGRESS,
        "completion_window": "24h",
        "metadata": "{}",
        "created_at": CREATED_AT,
        "expires_at": Instant(CREATED_AT + 86_400_000),
        "deadline_at": Instant(CREATED_AT + 86_400_000),
        "in_progress_at": Instant(CREATED_AT + 1_000),
        "total_count": 10,
    }
    return Batch(**(values | others))


def shown(batch: Batch, *, after_s: float = 0) -> JsonObject:
    """Return the object as it is so long after the batch was created."""
    now = Instant(CREATED_AT + round(after_s * 1000))
    return message_batch(batch, now=now, currency="USD", results_url=URL)


def counts(batch: Batch) -> dict[str, int]:
    """Return the counts that are not zero; all of them together must be the requests."""
    found = shown(batch)["request_counts"]
    assert isinstance(found, dict)
    assert set(found) == {"processing", "succeeded", "errored", "canceled", "expired"}
    assert sum(found.values()) == batch.total_count
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (BatchStatus.VALIDATING, "in_progress"),
        (BatchStatus.IN_PROGRESS, "in_progress"),
        (BatchStatus.FINALIZING, "in_progress"),
        (BatchStatus.CANCELLING, "canceling"),
        (BatchStatus.COMPLETED, "ended"),
        (BatchStatus.FAILED, "ended"),
        (BatchStatus.EXPIRED, "ended"),
        (BatchStatus.CANCELLED, "ended"),
    ],
)
def test_every_state_is_one_of_anthropics(status: BatchStatus, word: str) -> None:
    assert shown(batch(status=status))["processing_status"] == word


@pytest.mark.parametrize(
    "status",
    [
        BatchStatus.VALIDATING,
        BatchStatus.IN_PROGRESS,
        BatchStatus.FINALIZING,
        BatchStatus.CANCELLING,
    ],
)
def test_all_requests_are_processing_until_the_batch_has_ended(status: BatchStatus) -> None:
    running = batch(status=status, completed_count=5, failed_count=3, cancelled_count=1)
    assert counts(running) == {"processing": 10}
    assert (shown(running)["results_url"], shown(running)["ended_at"]) == (None, None)


def test_a_batch_that_has_ended_tells_what_became_of_its_requests() -> None:
    ended = batch(
        status=BatchStatus.CANCELLED,
        cancelling_at=Instant(CREATED_AT + 2_000),
        cancelled_at=Instant(CREATED_AT + 3_000),
        completed_count=4,
        schema_failed_count=1,
        failed_count=6,
        refused_count=1,
        engine_failed_count=1,
        cancelled_count=3,
        expired_count=1,
    )
    assert counts(ended) == {"succeeded": 4, "errored": 2, "canceled": 3, "expired": 1}
    assert shown(ended) | {"request_counts": None, "forebay": None} == {
        "id": "msgbatch_1",
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": None,
        "created_at": "2025-10-09T08:53:20Z",
        "expires_at": "2025-10-10T08:53:20Z",
        "ended_at": "2025-10-09T08:53:23Z",
        "cancel_initiated_at": "2025-10-09T08:53:22Z",
        "archived_at": None,
        "results_url": URL,
        "forebay": None,
    }


@pytest.mark.parametrize(
    ("status", "errors", "kind"),
    [
        (BatchStatus.CANCELLED, None, "canceled"),
        (BatchStatus.FAILED, '{"data":[{"code":"batch_expired"}]}', "expired"),
        (BatchStatus.FAILED, '{"data":[{"code":"server_error"}]}', "errored"),
    ],
)
def test_requests_of_a_batch_that_was_never_begun_all_end_alike(
    status: BatchStatus, errors: str | None, kind: str
) -> None:
    assert counts(batch(status=status, errors=errors, in_progress_at=None)) == {kind: 10}


def test_results_are_there_for_29_days_after_the_creation() -> None:
    ended = batch(status=BatchStatus.COMPLETED, completed_at=Instant(CREATED_AT + 9_000))
    before = shown(ended, after_s=RESULTS_LIFE_S - 1)
    assert (before["results_url"], before["archived_at"]) == (URL, None)
    archived = shown(ended, after_s=RESULTS_LIFE_S)
    assert (archived["results_url"], archived["archived_at"]) == (None, "2025-11-07T08:53:20Z")


def test_a_batch_that_runs_longer_than_results_are_kept_is_not_archived() -> None:
    assert shown(batch(), after_s=RESULTS_LIFE_S + 1)["archived_at"] is None


def test_the_version_of_the_api_is_kept_with_the_batch() -> None:
    assert version_of(batch(metadata=kept_metadata("2026-10-21"))) == "2026-10-21"
    assert version_of(batch(metadata=kept_metadata(None))) is None


def test_what_a_caller_calls_so_in_metadata_of_its_own_is_no_version() -> None:
    own = batch(api=BatchApi.BATCHES, metadata=kept_metadata("2026-10-21"))
    assert version_of(own) is None
