"""The sweeper: forgets what is no longer to be kept, in small steps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from forebay.core.clock import Clock, after
from forebay.lanes.batch.remains import BatchRemains
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.orphans import Orphans, forget
from forebay.lanes.wake import repeat
from forebay.store.store import Store

PAUSE_S = 60.0
DELIVERIES_KEEP_S = 2_592_000.0  # of endpoints, for whoever reads their log
HIDDEN_KEEP_S = 3600.0  # longer than any turn that might continue what was deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long what has ended is kept.

    `unstored_s` is the time that callers have to fetch a background response with `store: false`,
    `stored_s` that of all others, `events_s` that of the events of streams, and `reservations_s`
    that of idempotency keys.
    """

    unstored_s: float
    stored_s: float
    events_s: float
    reservations_s: float


class Sweeper:
    """Deletes expired files and uploads, what remains of batches, and requests whose time is over.

    A request that is to go is hidden first; it goes an hour later, or once nothing continues it any
    more. Ledger entries stay.
    """

    def __init__(self, store: Store, control: Control, keep: Keep, *, clock: Clock) -> None:
        self._store = store
        self._control = control
        self._keep = keep
        self._clock = clock
        self._remains = BatchRemains(store, clock=clock)
        self._orphans = Orphans(store, clock=clock)

    async def run(self) -> None:
        """Sweep for ever."""
        await repeat(self.sweep, wake=asyncio.Event(), doing="sweeping")

    async def sweep(self) -> float:
        """Delete some of what is over; returns how long to wait before looking again."""
        if not self._control.holds(HOUSEKEEPING):
            return PAUSE_S
        swept = await self._sweep_requests() + await self._sweep_files()
        has_more = [await self._remains.step(), await self._orphans.step()]
        return 0.0 if swept or any(has_more) else PAUSE_S

    async def _sweep_files(self) -> int:
        expired = await self._store.files.expired()
        for file in expired:
            _, orphans = await self._store.files.delete(file.project_id, file.id)
            await forget(self._store.blobs, orphans)
        parts = await self._store.uploads.expire()
        await forget(self._store.blobs, parts)
        return len(expired) + len(parts)

    async def _sweep_requests(self) -> int:
        now, keep, stored = self._clock.now(), self._keep, self._store.stored_requests
        swept = await self._store.events.forget(finished_before=after(now, -keep.events_s))
        swept += await stored.delete_unstored(finished_before=after(now, -keep.unstored_s))
        swept += await stored.prune(finished_before=after(now, -keep.stored_s))
        swept += await self._store.deliveries.prune(after(now, -DELIVERIES_KEEP_S))
        swept += await self._store.reservations.prune(before=after(now, -keep.reservations_s))
        swept += await stored.delete_hidden(hidden_before=after(now, -HIDDEN_KEEP_S))
        return swept
