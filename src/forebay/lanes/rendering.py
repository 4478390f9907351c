"""Kept requests as callers see them: what stands under `forebay`, and objects without output."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import ForebayError
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Admission
from forebay.store.request_records import RequestRecord


def shown_fields(
    window: str, deadline_at: Instant, *, attempt: int = 0, retry_of: str | None = None
) -> JsonObject:
    """Return the fields under `forebay` of a response without a charge; `attempt` counts from 1."""
    fields: JsonObject = {"window": window, "deadline_at": seconds_of(deadline_at)}
    if attempt:
        fields["attempt"] = attempt
    if retry_of is not None:
        fields["retry_of"] = retry_of
    return fields


def fields_of(request: RequestRecord) -> JsonObject:
    """Return the fields under `forebay` of a kept request without a charge."""
    return shown_fields(
        request.completion_window,
        request.deadline_at,
        attempt=request.attempt,
        retry_of=request.retry_of,
    )


def unanswered(
    admission: Admission, request: RequestRecord, status: RequestStatus, **more: object
) -> bytes:
    """Return the object of a request without output; `more` goes under `forebay`."""
    outcome = Outcome(status=status, extension=fields_of(request) | more)
    return rendered(admission, request, outcome)


def rendered(admission: Admission, request: RequestRecord, outcome: Outcome) -> bytes:
    """Return the object of a request in this state."""
    call, dialect = admission.recall(request)
    return encode(dialect.final(call, outcome))


def failure(request: RequestRecord, error: ForebayError, *, finished_at: Instant) -> Outcome:
    """Return how a request ended that failed with `error`."""
    fields = fields_of(request)
    if finished_at > request.deadline_at:
        fields["window_missed"] = True
    return Outcome(
        status=RequestStatus.FAILED, finished_at=finished_at, error=error, extension=fields
    )


def cancelled(request: RequestRecord) -> Outcome:
    """Return how a request ended that was cancelled."""
    return Outcome(status=RequestStatus.CANCELLED, extension=fields_of(request))


def last_event(
    admission: Admission, request: RequestRecord, outcome: Outcome
) -> Callable[[int], bytes]:
    """Return what makes the event that ends the request's stream, given its number."""
    call, dialect = admission.recall(request)
    assert isinstance(dialect, ResponsesDialect), "no other API has a background"
    return partial(dialect.last_event, call, outcome)
