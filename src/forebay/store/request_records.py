"""A request's records: as it is accepted, as it is kept, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.dialects.wire import encode
from forebay.store.conversations import Appended
from forebay.store.database import Row, Value
from forebay.store.events import EventGroup
from forebay.store.records import record, with_metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request as it is accepted. `body` and `metadata` are the caller's, without secrets.

    `events` are the first ones of a stream that is kept; None for a request without one.
    """

    id: str
    project_id: str
    key_id: str
    lane: Lane
    dialect: str
    model: str
    completion_window: str
    band_rank: int
    accepted_at: Instant
    deadline_at: Instant
    expires_at: Instant
    body: bytes
    is_stored: bool = True
    webhook_url: str | None = None
    webhook_token: bytes | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    previous_id: str | None = None
    conversation_id: str | None = None
    retry_of: str | None = None
    events: EventGroup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request as it is kept. `answer` is the final object's JSON.

    `previous_id` is that of the request it continues, which may be deleted by now. `attempt_at` is
    when its last attempt began, and `output_tokens` what that had given when it was noted last.
    `margin_ms` is what was left of the window at the end. `webhook_token` is sealed.
    """

    id: str
    project_id: str
    key_id: str
    lane: Lane
    dialect: str
    model: str
    completion_window: str
    band_rank: int
    status: RequestStatus
    accepted_at: Instant
    deadline_at: Instant
    expires_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    attempt: int
    attempt_at: Instant | None
    failures: int
    lease_id: str | None
    is_stored: bool
    is_streamed: bool
    body: bytes
    answer: bytes | None
    webhook_url: str | None
    webhook_token: bytes | None
    metadata: dict[str, str]
    previous_id: str | None
    conversation_id: str | None
    retry_of: str | None
    output_tokens: int
    margin_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a request ended.

    `appended` goes to the conversation that it belongs to, `events` to the stream that is kept of
    it; `waste` is what earlier attempts cost us.
    """

    status: RequestStatus
    finished_at: Instant
    answer: bytes
    charge: LedgerEntry | None = None
    waste: tuple[LedgerEntry, ...] = ()
    appended: Appended | None = None
    events: EventGroup | None = None


def request_record(row: Row) -> RequestRecord:
    """Return a row of the requests as a record."""
    return record(with_metadata(row), RequestRecord)


def request_values(request: NewRequest) -> dict[str, Value]:
    """Return what every kind of new request has in its row, by the names of its columns."""
    return {
        "id": request.id,
        "project_id": request.project_id,
        "key_id": request.key_id,
        "lane": request.lane.value,
        "dialect": request.dialect,
        "model": request.model,
        "completion_window": request.completion_window,
        "band_rank": request.band_rank,
        "accepted_at": request.accepted_at,
        "deadline_at": request.deadline_at,
        "expires_at": request.expires_at,
        "is_stored": int(request.is_stored),
        "body": request.body,
        "metadata": encode(request.metadata).decode(),
        "previous_id": request.previous_id,
        "conversation_id": request.conversation_id,
        "session": request.metadata.get("session"),
        "group_name": request.metadata.get("group"),
    }
