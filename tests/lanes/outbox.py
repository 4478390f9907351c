"""Webhooks over a real store, ended requests to tell of, and receivers on loopback."""

from __future__ import annotations

import ipaddress

from forebay.core.clock import Instant
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.webhooks import EventType, LoggedDelivery
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.name_lookup import LookUp
from forebay.lanes.secret import Seal
from forebay.lanes.webhook_calls import WebhookCalls
from forebay.lanes.webhooks import Webhooks
from forebay.store.store import Store
from tests.fakes import ManualClock, until
from tests.store.webhooks import ended, endpoint, logged

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SETTLED_S = 9.0  # after START, by `completed`


class Outbox:
    """A process that delivers what a store holds; its clock stands where requests ended."""

    def __init__(self, store: Store, clock: ManualClock, *, look_up: LookUp | None = None) -> None:
        self.store = store
        self.clock = clock
        self.seal = Seal(b"secret")
        self.calls = WebhookCalls(
            clock=clock, seal=self.seal, guard=AddressGuard((LOOPBACK,)), look_up=look_up
        )
        self.webhooks = Webhooks(store, self.calls, clock=clock, chance=lambda: 0.0)

    async def register(self, url: str, id: str = "we_1", *types: EventType) -> None:
        """Register an endpoint with the secret of these tests."""
        event_types = types or tuple(EventType)
        sealed = self.seal.close(SECRET)
        await endpoint(self.store, id, url=url, secret=sealed, event_types=event_types)

    async def end(self, id: str = "resp_1", *, url: str | None = None, token: str = "") -> None:
        """End a background request, whose webhook is `url`."""
        sealed = self.seal.close(token) if token else None
        await ended(self.store, id, webhook_url=url, webhook_token=sealed)

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and have everybody look at it."""
        self.clock.move(seconds)
        self.webhooks.wake()

    async def settled(self) -> None:
        """Return when nothing is due now, and what was under way is recorded."""

        async def look() -> bool:
            first_at = await self.store.deliveries.first_at()
            is_due = first_at is not None and first_at <= self.clock.now()
            return not is_due and not self.webhooks.in_flight

        await until(look)

    async def emptied(self) -> None:
        """Return when nothing is owed any more."""

        async def look() -> bool:
            return await self.next_at() is None

        await until(look)

    async def next_at(self) -> Instant | None:
        """Return when the first delivery is due."""
        return await self.store.deliveries.first_at()

    async def logged(self, endpoint_id: str = "we_1") -> list[LoggedDelivery]:
        """Return the log of an endpoint."""
        return await logged(self.store, endpoint_id)

    async def is_disabled(self, endpoint_id: str = "we_1") -> bool:
        """Tell whether an endpoint is disabled."""
        found = await self.store.webhook_endpoints.get(DEFAULT_PROJECT, endpoint_id)
        assert found is not None
        return found.disabled_at is not None
