"""Webhooks: the outbox's deliveries, tried until they arrive or are given up.

A delivery is a row made by the transaction that ended what it tells of, so none is forgotten. It is
claimed for as long as a try may take and recorded under that claim, so it may arrive twice (a crash
between the call and its record), never not at all without all its tries.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from forebay.core.clock import Clock, Instant, after
from forebay.lanes.retries import Chance
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import log_failure, repeat
from forebay.lanes.webhook_calls import TRY_S, Tried, WebhookCalls
from forebay.lanes.webhook_receivers import MAX_AT_ONCE, Receivers
from forebay.lanes.webhook_schedule import pause_s
from forebay.store.deliveries import Claimed, Delivery
from forebay.store.signals import Topic
from forebay.store.store import Store

log = logging.getLogger(__name__)

LEASE_S = TRY_S + 30.0  # a try, and what is written before and after it
LONGEST_IDLE_S = 60.0
MAX_RECEIVER_PAUSE_S = 60.0  # other URLs at the host may think otherwise


class Webhooks:
    """Delivers what the outbox holds; any number of processes may share one."""

    def __init__(self, store: Store, calls: WebhookCalls, *, clock: Clock, chance: Chance) -> None:
        self._deliveries = store.deliveries
        self._calls = calls
        self._clock = clock
        self._chance = chance
        self._wake = asyncio.Event()
        self._receivers = Receivers()
        store.signals.on(Topic.OWED, lambda _: self.wake())

    @property
    def in_flight(self) -> int:
        """How many calls are under way in this process."""
        return self._receivers.in_flight

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
            await self._calls.close()

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> float:
        """Begin what is due, as far as there is room; returns how long nothing else can be due."""
        now = self._clock.now()
        next_at = await self._deliveries.first_at()
        if next_at is not None and next_at <= now:
            if await self._claim(tasks, now):
                return 0.0  # there may be more
            next_at = await self._deliveries.next_at(after=now)
        ends = (next_at, self._receivers.next_pause_end(now=now))
        waits_s = [(end - self._clock.now()) / 1000 for end in ends if end is not None]
        return max(0.0, min([LONGEST_IDLE_S, *waits_s]))

    async def _claim(self, tasks: asyncio.TaskGroup, now: Instant) -> bool:
        # Who has no room may be due longest: look past all of those.
        wanted = await self._deliveries.due_receivers(limit=MAX_AT_ONCE + self._receivers.known)
        rooms = self._receivers.rooms(wanted, now=now)
        if not rooms:
            return False
        claimed = await self._deliveries.claim(rooms, leased_until=after(now, LEASE_S))
        for claim in claimed:
            self._receivers.begin(claim.receiver)
            tasks.create_task(self._deliver(claim))
        return bool(claimed)

    async def _deliver(self, claim: Claimed) -> None:
        tried: Tried | None = None
        try:
            delivery = await self._deliveries.load(claim)
            if delivery is not None:
                tried = await self._try(delivery)
                await self._record(delivery, tried)
        except asyncio.CancelledError:
            # It may have arrived: then it does so once more, under the same event's id.
            await uninterrupted(self._deliveries.release(claim))
            raise
        except Exception as error:
            # Its claim runs out, and it is tried again.
            log_failure("a webhook", error, delivery_id=claim.id)
        finally:
            self._end(claim, tried)

    async def _try(self, delivery: Delivery) -> Tried:
        if delivery.disabled_at is None:
            return await self._calls.make(delivery)
        return self._calls.not_made(delivery, "the endpoint is disabled")

    async def _record(self, delivery: Delivery, tried: Tried) -> None:
        error = tried.attempt.error
        next_at = None if error is None else self._next_at(delivery, tried)
        is_noted = await self._deliveries.record(
            delivery,
            tried.attempt,
            next_at=next_at,
            is_gone=tried.is_gone and delivery.endpoint_id is not None,
        )
        fields = {
            "delivery_id": delivery.id,
            "event_id": delivery.event_id,
            "subject_id": delivery.subject_id,
        }
        if not is_noted:
            log.warning("webhook not recorded: its claim was lost", extra=fields)
        elif error is None:
            log.info("webhook delivered", extra=fields)
        elif next_at is None:
            log.error("webhook given up", extra={**fields, "reason": error})
        else:
            log.warning("webhook not delivered", extra={**fields, "reason": error})

    def _next_at(self, delivery: Delivery, tried: Tried) -> Instant | None:
        is_endpoint = delivery.endpoint_id is not None
        if delivery.disabled_at is not None:
            return None
        now = self._clock.now()
        pause = pause_s(
            is_endpoint=is_endpoint,
            failures=delivery.failures + 1,
            wish_s=tried.wish_s,
            chance=self._chance,
            passed_s=(now - delivery.owed_at) / 1000,
        )
        return None if pause is None else after(now, pause)

    def _end(self, claim: Claimed, tried: Tried | None) -> None:
        paused_until: Instant | None = None
        if tried is not None and tried.wish_s is not None:
            paused_until = after(self._clock.now(), min(tried.wish_s, MAX_RECEIVER_PAUSE_S))
        self._receivers.end(
            claim.receiver,
            has_answered=None if tried is None else tried.has_answered,
            paused_until=paused_until,
        )
        self._wake.set()
