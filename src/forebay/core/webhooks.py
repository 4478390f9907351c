"""Webhooks: the events, who wants to hear of them, and what came of telling.

A delivery is one event for one receiver. It is tried again until it arrives or is given up, always
under the id of its event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from forebay.core.clock import Instant

DEFAULT_PORTS = {"http": 80, "https": 443}


class EventType(StrEnum):
    """What may be told of. Responses are those that were made in the background."""

    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    RESPONSE_INCOMPLETE = "response.incomplete"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_EXPIRED = "batch.expired"
    BATCH_CANCELLED = "batch.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """A URL that a project wants to be called with events of these types.

    `secret` is sealed; it is the first one unless there is a `rotated_at`. A disabled endpoint is
    told of nothing: it answered that it is gone.
    """

    id: str
    project_id: str
    name: str
    url: str
    event_types: tuple[EventType, ...]
    secret: bytes
    secret_hint: str
    rotated_at: Instant | None
    created_at: Instant
    updated_at: Instant
    disabled_at: Instant | None


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"  # it is tried now, or again
    DELIVERED = "delivered"  # an answer of 2xx came; redelivery makes it pending
    FAILED = "failed"  # given up; redelivery makes it pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that was made, or that was not possible. It arrived if there is no error."""

    number: int
    began_at: Instant
    duration_ms: int
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDelivery:
    """A delivery to an endpoint, as its log shows it; `subject_id` is what the event is about."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: EventType
    subject_id: str
    created_at: Instant
    next_at: Instant | None
    delivered_at: Instant | None
    attempts: tuple[Attempt, ...] = ()

    @property
    def status(self) -> DeliveryStatus:
        """How far it is."""
        if self.delivered_at is not None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.FAILED if self.next_at is None else DeliveryStatus.PENDING


def receiver_of(url: str) -> str:
    """Return who answers at an http or https URL, as `host:port`: what is slow or down as one.

    A URL that cannot be read is a receiver of its own.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (KeyError, ValueError):
        return url
    return f"{(parts.hostname or '').rstrip('.')}:{port}"
