"""The sweeper: forgets what is no longer to be kept, in small steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from forebay.core.clock import Clock, after
from forebay.lanes.batch.remains import BatchRemains
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.orphans import Orphans, discard
from forebay.lanes.wake import log_failure, repeat
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
        kinds: tuple[tuple[str, Callable[[], Awaitable[int]]], ...] = (
            ("sweeping requests", self._sweep_requests),
            ("sweeping files", self._sweep_files),
            ("sweeping uploads", self._sweep_uploads),
            ("sweeping what remains of batches", self._remains.step),
            ("sweeping orphaned blobs", self._orphans.step),
        )
        has_more = False
        for doing, step in kinds:
            try:
                has_more = bool(await step()) or has_more
            except Exception as error:
                # One kind that cannot be swept must not keep the others.
                log_failure(doing, error)
        return 0.0 if has_more else PAUSE_S

    async def _sweep_files(self) -> int:
        expired = await self._store.files.expired()
        for file in expired:
            _, orphans = await self._store.files.delete(file.project_id, file.id)
            await discard(self._store.blobs, orphans)
        return len(expired)

    async def _sweep_uploads(self) -> int:
        parts = await self._store.uploads.expire()
        await discard(self._store.blobs, parts)
        return len(parts)

    async def _sweep_requests(self) -> int:
        now, keep, stored = self._clock.now(), self._keep, self._store.stored_requests
        swept = await self._store.events.forget(finished_before=after(now, -keep.events_s))
        swept += await stored.delete_unstored(finished_before=after(now, -keep.unstored_s))
        swept += await stored.prune(finished_before=after(now, -keep.stored_s))
        swept += await self._store.deliveries.prune(after(now, -DELIVERIES_KEEP_S))
        swept += await self._store.reservations.prune(before=after(now, -keep.reservations_s))
        swept += await stored.delete_hidden(hidden_before=after(now, -HIDDEN_KEEP_S))
        return swept
