"""The answers of webhook endpoints and their deliveries."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from forebay.api.openapi.answers.shared import Count, Page, Seconds
from forebay.core.webhooks import DeliveryStatus, EventType


class EndpointForebay(msgspec.Struct):
    """What is Forebay's own of an endpoint: when it was disabled, having answered 410."""

    disabled_at: Seconds


class WebhookEndpointObject(msgspec.Struct):
    """A URL that is called with events."""

    id: str
    object: Literal["webhook_endpoint"]
    name: str
    url: str
    event_types: list[EventType]
    created_at: Seconds
    updated_at: Seconds
    signing_secret_hint: str
    forebay: EndpointForebay | UnsetType = UNSET


class WebhookEndpointWithSecret(WebhookEndpointObject, kw_only=True):
    """An endpoint with its secret, which is never shown again."""

    signing_secret: str


class WebhookEndpointMade(WebhookEndpointObject, kw_only=True):
    """A new endpoint with its secret.

    When the call is sent again with its idempotency key, the secret is there as long as it is the
    one that the call made: not once it was rotated.
    """

    signing_secret: str | UnsetType = UNSET


class WebhookEndpointPage(Page, kw_only=True):
    """A page of endpoints."""

    data: list[WebhookEndpointObject]


class WebhookEndpointDeleted(msgspec.Struct):
    """What is said of an endpoint that is gone."""

    id: str
    object: Literal["webhook_endpoint.deleted"]
    deleted: Literal[True]


class WebhookEndpointTest(msgspec.Struct):
    """What came of a test; `success` says that there was an answer."""

    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: EventType
    status_code: int
    success: Literal[True]


class WebhookEventTypes(msgspec.Struct):
    """Every type of event."""

    object: Literal["list"]
    data: list[EventType]


class Subject(msgspec.Struct):
    """The response or batch that an event is about."""

    id: str


class DeliveryAttempt(msgspec.Struct):
    """A call that was made, or that was not possible."""

    number: Annotated[int, Meta(ge=1)]
    at: Seconds
    duration_ms: Count
    status_code: int | None
    error: str | None


class WebhookDelivery(msgspec.Struct):
    """An event that an endpoint is told of, and every attempt at it, oldest first."""

    id: str
    object: Literal["webhook_delivery"]
    webhook_endpoint_id: str
    event_id: str
    event_type: EventType
    data: Subject
    status: DeliveryStatus
    created_at: Seconds
    next_attempt_at: Seconds | None
    delivered_at: Seconds | None
    attempts: list[DeliveryAttempt]


class WebhookDeliveryPage(Page, kw_only=True):
    """A page of deliveries."""

    data: list[WebhookDelivery]
