"""Orphans: blobs that no row names, because a crash came between the two.

A blob is named within moments of its writing, so one that is a day old and has no name never gets
one. Whoever writes just now is safe by that day alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from forebay.core.clock import Clock, Instant, after
from forebay.store.blobs import Blobs
from forebay.store.store import Store

log = logging.getLogger(__name__)

AGE_S = 86_400.0
EVERY_S = 3600.0
STEP = 500  # blobs that are looked at in one go
AT_ONCE = 16  # deletions


class Orphans:
    """Goes through all blobs once an hour, some at each step."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._due_at = Instant(0)
        self._listing: AsyncIterator[tuple[str, Instant]] | None = None

    async def step(self) -> bool:
        """Look at some blobs, if it is time to; returns whether there are more to look at now."""
        now = self._clock.now()
        if self._listing is None:
            if now < self._due_at:
                return False
            await self._store.blobs.tidy(before=after(now, -AGE_S))
            self._listing = self._store.blobs.listed()
        try:
            looked_at = await self._look(self._listing, before=after(now, -AGE_S))
        except BaseException:
            # A listing does not go on after a failure: the next step begins it anew.
            self._listing = None
            raise
        if looked_at < STEP:
            self._listing = None
            self._due_at = after(now, EVERY_S)
        return self._listing is not None

    async def _look(self, listing: AsyncIterator[tuple[str, Instant]], *, before: Instant) -> int:
        looked_at, old = 0, []
        async for blob_id, written_at in listing:
            looked_at += 1
            if written_at <= before:
                old.append(blob_id)
            if looked_at == STEP:
                break
        if old:
            orphans = await self._store.blob_names.unnamed(old)
            await forget(self._store.blobs, orphans)
            if orphans:
                log.info("orphaned blobs deleted", extra={"count": len(orphans)})
        return looked_at


async def forget(blobs: Blobs, blob_ids: Sequence[str]) -> None:
    """Delete these blobs, several at once; raises `StoreFailed` when one could not be."""
    for start in range(0, len(blob_ids), AT_ONCE):
        some = blob_ids[start : start + AT_ONCE]
        ends = await asyncio.gather(*map(blobs.delete, some), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
