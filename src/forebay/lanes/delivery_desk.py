"""What callers do with the deliveries to their webhook endpoints: look, and have them once more."""

from __future__ import annotations

from forebay.core.errors import Conflict, NotFound
from forebay.core.webhooks import LoggedDelivery, WebhookEndpoint
from forebay.dialects.lists import list_object, not_in_list
from forebay.dialects.turn import JsonObject
from forebay.dialects.webhook_events import delivery_object
from forebay.lanes.admission import Caller
from forebay.lanes.webhook_desk import endpoint_not_found
from forebay.store.signals import Topic
from forebay.store.store import Store


class DeliveryDesk:
    """The use cases of the delivery log."""

    def __init__(self, store: Store) -> None:
        self._endpoints = store.webhook_endpoints
        self._log = store.delivery_log
        self._signals = store.signals

    async def page(
        self, caller: Caller, endpoint_id: str, *, after: str | None, limit: int
    ) -> JsonObject:
        """Return a page of the endpoint's deliveries, newest first.

        Raises `InvalidParameter` for an `after` that is not one of them.
        """
        await self._find(caller, endpoint_id)
        if after is not None and await self._log.get(endpoint_id, after) is None:
            raise not_in_list("webhook delivery", after)
        found = await self._log.page(endpoint_id, after=after, limit=limit + 1)
        shown = [delivery_object(delivery) for delivery in found[:limit]]
        return list_object(shown, has_more=len(found) > limit)

    async def redeliver(self, caller: Caller, endpoint_id: str, delivery_id: str) -> JsonObject:
        """Owe a delivery anew, from now on; raises `Conflict` when it cannot be made now.

        Not idempotent: one that has arrived meanwhile is sent once more.
        """
        endpoint = await self._find(caller, endpoint_id)
        await self._delivery(endpoint_id, delivery_id)
        if endpoint.disabled_at is not None:
            raise Conflict("The endpoint is disabled: update it first.")
        if not await self._log.redeliver(endpoint_id, delivery_id):
            raise Conflict("The delivery is being made just now.")
        self._signals.send(Topic.OWED)
        return delivery_object(await self._delivery(endpoint_id, delivery_id))

    async def _find(self, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
        endpoint = await self._endpoints.get(caller.project_id, endpoint_id)
        if endpoint is None:
            raise endpoint_not_found(endpoint_id)
        return endpoint

    async def _delivery(self, endpoint_id: str, delivery_id: str) -> LoggedDelivery:
        delivery = await self._log.get(endpoint_id, delivery_id)
        if delivery is None:
            raise NotFound(f"Webhook delivery with id '{delivery_id}' not found.")
        return delivery
