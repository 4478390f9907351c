"""Keeps the events of one attempt: in small groups, under its lease, before anybody sees them.

What gathers while one group is written, and for a moment after, is the next group: a token is not a
row. Numbers go on where the kept events end. Whoever settles the request takes what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from forebay.core.errors import LeaseLost
from forebay.lanes.background_streams import END_OF_EVENT, BackgroundStreams
from forebay.lanes.claims import Sleep
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import log_failure
from forebay.store.database import StoreFailed
from forebay.store.events import EventGroup, Events
from forebay.store.request_records import RequestRecord

GATHER_S = 0.1


class EventKeeper:
    """Keeps the events from `first_number` on. `on_lost` is called when the lease is found lost."""

    def __init__(
        self,
        events: Events,
        streams: BackgroundStreams,
        request: RequestRecord,
        *,
        first_number: int,
        on_lost: Callable[[], object],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._events = events
        self._streams = streams
        self._request = request
        self._on_lost = on_lost
        self._sleep = sleep
        self._gathered: list[bytes] = []
        self._first_number = first_number
        self._wake = asyncio.Event()

    def add(self, events: bytes) -> None:
        """Have these events kept, behind those that were added before."""
        if events:
            self._gathered.append(events)
            self._wake.set()

    def rest(self, ending: bytes = b"") -> EventGroup | None:
        """Return what is not kept yet, and `ending`, for whoever keeps it by himself."""
        events = b"".join(self._gathered) + ending
        if not events:
            return None
        last_number = self._first_number + events.count(END_OF_EVENT) - 1
        return EventGroup(first_number=self._first_number, last_number=last_number, events=events)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep what is added as long as the block lasts; a group under way is ended."""
        pump = asyncio.create_task(self._pump())
        try:
            yield
        finally:
            pump.cancel()
            await asyncio.wait((pump,))

    async def flush(self) -> None:
        """Keep all that has gathered; raises `LeaseLost` or `StoreFailed`."""
        group = self.rest()
        if group is None:
            return
        count = len(self._gathered)
        lease_id = self._request.lease_id
        assert lease_id is not None
        await uninterrupted(self._append(lease_id, group, count))

    async def _append(self, lease_id: str, group: EventGroup, count: int) -> None:
        await self._events.append(self._request.id, lease_id, group)
        del self._gathered[:count]
        self._first_number = group.last_number + 1
        self._streams.show(self._request.id, group)

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
            except LeaseLost:
                self._on_lost()
                return
            except StoreFailed as error:
                # Kept in memory and tried again: a disk that is busy for a moment loses nothing.
                log_failure("keeping events", error, request_id=self._request.id)
                self._wake.set()
            await self._sleep(GATHER_S)
