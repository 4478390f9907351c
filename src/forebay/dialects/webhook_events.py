"""The wire shapes of webhooks, as OpenAI has them: events, endpoints, and what is asked of them.

Events are thin: they name what they are about, and whoever wants to know more asks for it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from forebay.core.clock import Instant, seconds_of
from forebay.core.errors import InvalidParameter
from forebay.core.webhooks import Attempt, EventType, LoggedDelivery, WebhookEndpoint
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode, read

# No database takes the character U+0000.
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


class EndpointBody(msgspec.Struct):
    """The body of `POST /v1/webhook_endpoints`."""

    name: Name
    url: str
    event_types: Annotated[list[str], Meta(min_length=1)]


class EndpointChange(msgspec.Struct):
    """The body of `POST /v1/webhook_endpoints/{id}`: what is left out, or null, stays as it is."""

    name: Name | None = None
    url: str | None = None
    event_types: Annotated[list[str], Meta(min_length=1)] | None = None


class RotationBody(msgspec.Struct):
    """The body of `POST /v1/webhook_endpoints/{id}/rotate_secret`."""

    keep_old_secret_active_for_24_hours: bool = False


class EndpointTestBody(msgspec.Struct):
    """The body of `POST /v1/webhook_endpoints/{id}/test`."""

    event_type: str


def parse_endpoint(body: JsonObject) -> tuple[EndpointBody, tuple[EventType, ...]]:
    """Return what a new endpoint is to be; raises `RequestRejected` with the field's name."""
    shape = read(body, EndpointBody)
    return shape, _event_types(shape.event_types)


def parse_change(body: JsonObject) -> tuple[EndpointChange, tuple[EventType, ...] | None]:
    """Return what is to be changed; raises `RequestRejected` with the field's name."""
    shape = read(body, EndpointChange)
    names = shape.event_types
    return shape, None if names is None else _event_types(names)


def parse_rotation(body: JsonObject) -> bool:
    """Return whether the old secret stays good for a while; raises `RequestRejected`."""
    return read(body, RotationBody).keep_old_secret_active_for_24_hours


def parse_test(body: JsonObject) -> EventType:
    """Return the type of the event to be sent; raises `RequestRejected`."""
    return _event_type(read(body, EndpointTestBody).event_type, "event_type")


def event_body(event_id: str, type: EventType, *, subject_id: str, created_at: Instant) -> bytes:
    """Return an event as it is sent: the same bytes at each try."""
    return encode(
        {
            "object": "event",
            "id": event_id,
            "type": type.value,
            "created_at": seconds_of(created_at),
            "data": {"id": subject_id},
        }
    )


def endpoint_object(endpoint: WebhookEndpoint, *, secret: str | None = None) -> JsonObject:
    """Return the `webhook_endpoint` object; with its secret only for who has just made it."""
    shown: JsonObject = {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": [kind.value for kind in endpoint.event_types],
        "created_at": seconds_of(endpoint.created_at),
        "updated_at": seconds_of(endpoint.updated_at),
        "signing_secret_hint": endpoint.secret_hint,
    }
    if secret is not None:
        shown["signing_secret"] = secret
    if endpoint.disabled_at is not None:
        shown["forebay"] = {"disabled_at": seconds_of(endpoint.disabled_at)}
    return shown


def deleted_object(endpoint_id: str) -> JsonObject:
    """Return what is said of an endpoint that was deleted."""
    return {"id": endpoint_id, "object": "webhook_endpoint.deleted", "deleted": True}


def tested_object(endpoint_id: str, type: EventType, *, status_code: int) -> JsonObject:
    """Return what came of a test; `success` says that there was an answer, whatever it was."""
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint_id,
        "event_type": type.value,
        "status_code": status_code,
        "success": True,
    }


def event_types_object() -> JsonObject:
    """Return the list of all types that endpoints may be told of."""
    return {"object": "list", "data": [kind.value for kind in EventType]}


def delivery_object(delivery: LoggedDelivery) -> JsonObject:
    """Return the `webhook_delivery` object, which is Forebay's own."""
    return {
        "id": delivery.id,
        "object": "webhook_delivery",
        "webhook_endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type.value,
        "data": {"id": delivery.subject_id},
        "status": delivery.status.value,
        "created_at": seconds_of(delivery.created_at),
        "next_attempt_at": _seconds(delivery.next_at),
        "delivered_at": _seconds(delivery.delivered_at),
        "attempts": [_attempt_object(attempt) for attempt in delivery.attempts],
    }


def _attempt_object(attempt: Attempt) -> JsonObject:
    return {
        "number": attempt.number,
        "at": seconds_of(attempt.began_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
    }


def _event_types(names: list[str]) -> tuple[EventType, ...]:
    return tuple(_event_type(name, f"event_types[{index}]") for index, name in enumerate(names))


def _event_type(name: str, param: str) -> EventType:
    try:
        return EventType(name)
    except ValueError:
        offered = ", ".join(f"'{kind.value}'" for kind in EventType)
        raise InvalidParameter(
            f"Invalid value: '{name}'. Supported values are: {offered}.", param=param
        ) from None


def _seconds(instant: Instant | None) -> int | None:
    return None if instant is None else seconds_of(instant)
