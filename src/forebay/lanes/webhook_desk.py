"""What callers do with webhook endpoints: register, look, change, delete, rotate, test.

The secret is shown when it is made, and never again.
"""

from __future__ import annotations

from collections.abc import Callable

from forebay.core.clock import Clock, after
from forebay.core.errors import Conflict, EndpointSilent, NotFound, RequestRejected
from forebay.core.ids import NewId
from forebay.core.webhooks import EventType, WebhookEndpoint, receiver_of
from forebay.dialects.lists import list_object, not_in_list
from forebay.dialects.turn import JsonObject
from forebay.dialects.webhook_events import (
    deleted_object,
    endpoint_object,
    event_types_object,
    parse_change,
    parse_endpoint,
    parse_rotation,
    parse_test,
    tested_object,
)
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Caller
from forebay.lanes.secret import Seal
from forebay.lanes.webhook_calls import WebhookCalls
from forebay.lanes.webhook_signature import hint_of, new_signing_secret
from forebay.lanes.webhook_url import check_webhook_url
from forebay.store.deliveries import Delivery
from forebay.store.reservations import Birth
from forebay.store.store import Store

MAX_ENDPOINTS = 50  # in a project: each of them costs a row at the end of each response
OLD_SECRET_S = 24 * 3600.0
MAX_OLD_SECRETS = 8  # each is a signature in the headers of every call
ENDPOINT = "we_"


class WebhookDesk:
    """The use cases of webhook endpoints."""

    def __init__(
        self,
        store: Store,
        calls: WebhookCalls,
        *,
        clock: Clock,
        new_id: NewId,
        seal: Seal,
        guard: AddressGuard,
        new_secret: Callable[[], str] = new_signing_secret,
    ) -> None:
        self._endpoints = store.webhook_endpoints
        self._log = store.delivery_log
        self._calls = calls
        self._clock = clock
        self._new_id = new_id
        self._seal = seal
        self._guard = guard
        self._new_secret = new_secret

    async def create(self, caller: Caller, body: JsonObject, *, birth: Birth) -> JsonObject:
        """Keep an endpoint durably, and return it with its secret."""
        shape, event_types = parse_endpoint(body)
        check_webhook_url(shape.url, self._guard, param="url")
        secret = self._new_secret()
        endpoint = await self._endpoints.add(
            birth.id,
            caller.project_id,
            name=shape.name,
            url=shape.url,
            event_types=event_types,
            secret=self._seal.close(secret),
            secret_hint=hint_of(secret),
            most=MAX_ENDPOINTS,
            first=birth.first,
        )
        if endpoint is None:
            raise RequestRejected(f"A project has {MAX_ENDPOINTS} webhook endpoints at most.")
        return endpoint_object(endpoint, secret=secret)

    async def created(self, caller: Caller, endpoint_id: str) -> JsonObject:
        """Return what `create` did, to the caller who sent that call again.

        A secret that was put in the place of the one it made is not shown.
        """
        endpoint = await self._find(caller, endpoint_id)
        is_its_own = endpoint.rotated_at is None
        return endpoint_object(
            endpoint, secret=self._seal.open(endpoint.secret) if is_its_own else None
        )

    async def get(self, caller: Caller, endpoint_id: str) -> JsonObject:
        """Return the endpoint without its secret."""
        return endpoint_object(await self._find(caller, endpoint_id))

    async def page(self, caller: Caller, *, after: str | None, limit: int) -> JsonObject:
        """Return a page of the project's endpoints, newest first.

        Raises `InvalidParameter` for an `after` that is not one of them.
        """
        if after is not None and await self._endpoints.get(caller.project_id, after) is None:
            raise not_in_list("webhook endpoint", after)
        found = await self._endpoints.page(caller.project_id, after=after, limit=limit + 1)
        shown = [endpoint_object(endpoint) for endpoint in found[:limit]]
        return list_object(shown, has_more=len(found) > limit)

    async def update(self, caller: Caller, endpoint_id: str, body: JsonObject) -> JsonObject:
        """Change what the body has; an endpoint that was disabled is called again."""
        shape, event_types = parse_change(body)
        if shape.url is not None:
            check_webhook_url(shape.url, self._guard, param="url")
        updated = await self._endpoints.update(
            caller.project_id,
            endpoint_id,
            name=shape.name,
            url=shape.url,
            event_types=event_types,
        )
        return endpoint_object(_known(updated, endpoint_id))

    async def rotate(self, caller: Caller, endpoint_id: str, body: JsonObject) -> JsonObject:
        """Give the endpoint a new secret and return it with that; old ones may stay a day each.

        Raises `Conflict` when so many sign already that no more can be kept.
        """
        keeps_old, now = parse_rotation(body), self._clock.now()
        await self._find(caller, endpoint_id)
        if keeps_old and len(await self._endpoints.old_secrets(endpoint_id)) >= MAX_OLD_SECRETS:
            raise Conflict(f"The endpoint has {MAX_OLD_SECRETS} old secrets that still sign.")
        secret = self._new_secret()
        rotated = await self._endpoints.rotate(
            caller.project_id,
            endpoint_id,
            secret=self._seal.close(secret),
            secret_hint=hint_of(secret),
            keep_until=after(now, OLD_SECRET_S) if keeps_old else None,
        )
        return endpoint_object(_known(rotated, endpoint_id), secret=secret)

    async def delete(self, caller: Caller, endpoint_id: str) -> JsonObject:
        """Forget the endpoint, what it is owed, and the log of what it was told."""
        if not await self._endpoints.delete(caller.project_id, endpoint_id):
            raise endpoint_not_found(endpoint_id)
        return deleted_object(endpoint_id)

    async def test(self, caller: Caller, endpoint_id: str, body: JsonObject) -> JsonObject:
        """Call the endpoint once with a sample event; raises `EndpointSilent` without an answer.

        The call stands in the log of deliveries.
        """
        event_type = parse_test(body)
        delivery = await self._sample(await self._find(caller, endpoint_id), event_type)
        tried = await self._calls.make(delivery)
        await self._log.add_tested(delivery, tried.attempt)
        if tried.attempt.status_code is None:
            raise EndpointSilent(f"The endpoint did not answer: {tried.attempt.error}.")
        return tested_object(endpoint_id, event_type, status_code=tried.attempt.status_code)

    def event_types(self) -> JsonObject:
        """Return every type of event that endpoints may be told of."""
        return event_types_object()

    async def _sample(self, endpoint: WebhookEndpoint, event_type: EventType) -> Delivery:
        prefix = "batch_" if event_type.value.startswith("batch.") else "resp_"
        now = self._clock.now()
        return Delivery(
            id=self._new_id("dlv_"),
            event_id=self._new_id("evt_"),
            event_type=event_type,
            subject_id=self._new_id(prefix),
            endpoint_id=endpoint.id,
            receiver=receiver_of(endpoint.url),
            attempt=1,
            failures=0,
            created_at=now,
            owed_at=now,
            url=endpoint.url,
            secret=endpoint.secret,
            old_secrets=await self._endpoints.old_secrets(endpoint.id),
        )

    async def _find(self, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
        return _known(await self._endpoints.get(caller.project_id, endpoint_id), endpoint_id)


def endpoint_not_found(endpoint_id: str) -> NotFound:
    """Return what is said of an endpoint that is not the caller's, whoever's it is."""
    return NotFound(f"Webhook endpoint with id '{endpoint_id}' not found.")


def _known(endpoint: WebhookEndpoint | None, endpoint_id: str) -> WebhookEndpoint:
    if endpoint is None:
        raise endpoint_not_found(endpoint_id)
    return endpoint
