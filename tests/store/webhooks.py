"""Webhook endpoints and deliveries in a store, as tests of any room make them."""

from __future__ import annotations

from typing import Any

from forebay.core.clock import Instant, after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.webhooks import Attempt, EventType, LoggedDelivery, WebhookEndpoint
from forebay.store.deliveries import Claimed, Delivery
from forebay.store.store import Store
from tests.fakes import START
from tests.store.makers import claimed, completed, enqueue

ENDPOINT_URL = "https://hooks.example.com/events"
HOOK_URL = "https://example.com/hook"
HOOK_RECEIVER = "example.com:443"
LEASED_UNTIL = after(START, 60)


async def endpoint(store: Store, id: str = "we_1", **others: Any) -> WebhookEndpoint:
    """Register an endpoint that is told of every type of event."""
    values: dict[str, Any] = {
        "name": "hooks",
        "url": ENDPOINT_URL,
        "event_types": tuple(EventType),
        "secret": b"sealed",
        "secret_hint": "whsec_...cret",
        "most": 99,
        "project_id": DEFAULT_PROJECT,
    }
    values |= others
    made = await store.webhook_endpoints.add(id, values.pop("project_id"), **values)
    assert made is not None
    return made


async def rotated(store: Store, secret: bytes, *, keep_until: Instant | None) -> WebhookEndpoint:
    """Give the endpoint another secret."""
    made = await store.webhook_endpoints.rotate(
        DEFAULT_PROJECT, "we_1", secret=secret, secret_hint="h", keep_until=keep_until
    )
    assert made is not None
    return made


async def ended(store: Store, id: str = "resp_1", **others: Any) -> None:
    """End a background request well."""
    await enqueue(store, id, **others)
    await store.requests.settle(await claimed(store), completed())


async def claim_all(
    store: Store, *, room: int = 9, leased_until: Instant = LEASED_UNTIL
) -> list[Claimed]:
    """Claim what is due, of every receiver."""
    receivers = await store.deliveries.due_receivers(limit=99)
    rooms = dict.fromkeys(receivers, room)
    return await store.deliveries.claim(rooms, leased_until=leased_until)


async def loaded(store: Store, claim: Claimed) -> Delivery:
    """Return what is to be called, which there must be."""
    delivery = await store.deliveries.load(claim)
    assert delivery is not None
    return delivery


async def one_claimed(store: Store) -> Delivery:
    """Claim the one delivery that is due."""
    (claim,) = await claim_all(store)
    return await loaded(store, claim)


def attempt(number: int = 1, *, status_code: int | None = 200, **others: Any) -> Attempt:
    """Return a try, which failed unless it was answered with 200."""
    values: dict[str, Any] = {
        "number": number,
        "began_at": START,
        "duration_ms": 12,
        "status_code": status_code,
        "error": None if status_code == 200 else f"status {status_code}",
    }
    return Attempt(**(values | others))


async def logged(store: Store, endpoint_id: str = "we_1") -> list[LoggedDelivery]:
    """Return the log of an endpoint."""
    return await store.delivery_log.page(endpoint_id, after=None, limit=99)
