"""The rooms of webhooks: who delivers, and what callers do with endpoints and deliveries."""

from __future__ import annotations

from functools import cached_property

from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.delivery_desk import DeliveryDesk
from forebay.lanes.secret import Seal
from forebay.lanes.webhook_calls import WebhookCalls
from forebay.lanes.webhook_desk import WebhookDesk
from forebay.lanes.webhooks import Webhooks
from forebay.store.store import Store
from forebay.wiring.doors import Doors


class WebhookRooms:
    """Webhooks, each of their rooms built when it is first asked for."""

    def __init__(self, store: Store, doors: Doors, *, seal: Seal, guard: AddressGuard) -> None:
        self._store = store
        self._doors = doors
        self._seal = seal
        self._guard = guard

    @cached_property
    def outbox(self) -> Webhooks:
        """Who delivers."""
        return Webhooks(
            self._store, self._calls, clock=self._doors.clock, chance=self._doors.chance
        )

    @cached_property
    def endpoints(self) -> WebhookDesk:
        """What callers do with endpoints."""
        return WebhookDesk(
            self._store,
            self._calls,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            seal=self._seal,
            guard=self._guard,
        )

    @cached_property
    def deliveries(self) -> DeliveryDesk:
        """What callers do with the log of deliveries."""
        return DeliveryDesk(self._store)

    async def close(self) -> None:
        """Let go of connections."""
        await self._calls.close()

    @cached_property
    def _calls(self) -> WebhookCalls:
        return WebhookCalls(clock=self._doors.clock, seal=self._seal, guard=self._guard)
