"""The sweeper: forgets what was not to be kept, in small steps."""

from __future__ import annotations

import asyncio

from forebay.core.clock import Clock, after
from forebay.lanes.wake import repeat
from forebay.store.store import Store

PAUSE_S = 60.0
HIDDEN_KEEP_S = 3600.0  # longer than any turn that might continue what was deleted


class Sweeper:
    """Deletes expired files, and background responses with `store: false` a while after their end.

    Their callers have `unstored_keep_s` to fetch them. What callers deleted goes an hour later, or
    once nothing continues it any more. Ledger entries stay.
    """

    def __init__(self, store: Store, *, clock: Clock, unstored_keep_s: float) -> None:
        self._store = store
        self._clock = clock
        self._unstored_keep_s = unstored_keep_s

    async def run(self) -> None:
        """Sweep for ever."""
        await repeat(self.sweep, wake=asyncio.Event(), doing="sweeping")

    async def sweep(self) -> float:
        """Delete some of what is over; returns how long to wait before looking again."""
        now = self._clock.now()
        finished_before = after(now, -self._unstored_keep_s)
        stored = self._store.stored_requests
        swept = await stored.delete_unstored(finished_before=finished_before)
        swept += await stored.delete_hidden(hidden_before=after(now, -HIDDEN_KEEP_S))
        for file in await self._store.files.expired():
            _, orphan = await self._store.files.delete(file.project_id, file.id)
            if orphan is not None:
                await self._store.blobs.delete(orphan)
            swept += 1
        return 0.0 if swept else PAUSE_S
