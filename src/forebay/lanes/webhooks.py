"""Webhooks: the outbox's deliveries, tried until they arrive or are given up.

A delivery is a row made by the transaction that ended the request, so none is forgotten. It may
arrive twice (a crash between the call and its record), never not at all without four tries.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import aiohttp
from yarl import URL

from forebay.core.clock import Clock, Instant, after
from forebay.core.errors import ForebayError
from forebay.lanes.address_guard import AddressGuard, GuardedResolver
from forebay.lanes.secret import Seal
from forebay.lanes.wake import AFTER_FAILURE_S, repeat
from forebay.store.deliveries import Deliveries, Delivery

log = logging.getLogger(__name__)

TRY_S = 30.0
PAUSES_S = (5.0, 30.0, 120.0)  # after the first, second and third try
MAX_AT_ONCE = 16
LONGEST_IDLE_S = 60.0


class Webhooks:
    """Delivers what the outbox holds. Built on the event loop that uses it."""

    def __init__(
        self, deliveries: Deliveries, *, clock: Clock, seal: Seal, guard: AddressGuard
    ) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._seal = seal
        self._guard = guard
        self._wake = asyncio.Event()
        self._in_flight: set[str] = set()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(guard), use_dns_cache=False, force_close=True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TRY_S),
        )

    def wake(self) -> None:
        """Look for deliveries that are due."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever; a slow receiver holds back nobody else's delivery."""
        try:
            async with asyncio.TaskGroup() as tasks:
                step = partial(self._begin_due, tasks)
                await repeat(step, wake=self._wake, doing="the outbox")
        finally:
            await self._session.close()

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> float:
        """Begin what is due, as far as there is room; returns how long nothing else can be due."""
        asked_at = self._clock.now()
        for delivery in await self._deliveries.due(limit=MAX_AT_ONCE + len(self._in_flight)):
            if len(self._in_flight) < MAX_AT_ONCE and delivery.id not in self._in_flight:
                self._in_flight.add(delivery.id)
                tasks.create_task(self._deliver(delivery))
        next_at = await self._deliveries.next_at(after=asked_at)
        if next_at is None:
            return LONGEST_IDLE_S
        return min(LONGEST_IDLE_S, max(0.0, (next_at - self._clock.now()) / 1000))

    async def _deliver(self, delivery: Delivery) -> None:
        fields = {"delivery_id": delivery.id, "request_id": delivery.request_id}
        try:
            error = await self._try(delivery)
            next_at: Instant | None = None
            if error is not None and delivery.attempt < len(PAUSES_S):
                next_at = after(self._clock.now(), PAUSES_S[delivery.attempt])
            await self._deliveries.record(delivery.id, next_at=next_at, error=error)
        except ForebayError as failure:
            log.error("webhook not recorded", extra={**fields, "code": failure.code})
            await asyncio.sleep(AFTER_FAILURE_S)
        else:
            if error is None:
                log.info("webhook delivered", extra=fields)
            else:
                log.warning("webhook not delivered", extra={**fields, "reason": error})
        finally:
            self._in_flight.discard(delivery.id)
            self._wake.set()

    async def _try(self, delivery: Delivery) -> str | None:
        """Call once; returns what went wrong, if anything. Redirects are not followed."""
        headers = {"Content-Type": "application/json", "User-Agent": "Forebay"}
        try:
            if delivery.token is not None:
                headers["Authorization"] = f"Bearer {self._seal.open(delivery.token)}"
            url = URL(delivery.url)
            self._guard.check_host(url.host or "")
            async with self._session.post(
                url, data=delivery.answer, headers=headers, allow_redirects=False
            ) as response:
                return None if 200 <= response.status < 300 else f"status {response.status}"
        except ForebayError as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {TRY_S:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__
