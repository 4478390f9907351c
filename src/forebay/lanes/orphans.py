"""Orphans: blobs that no row names, because a crash came between the two.

A blob is named within moments of its writing, so one that is a day old and has no name never gets
one. Whoever writes just now is safe by that day alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from forebay.core.clock import Clock, Instant, after
from forebay.core.errors import ForebayError
from forebay.store.blobs import Blobs
from forebay.store.database import StoreFailed
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
            if not await self._is_ours():
                self._due_at = after(now, EVERY_S)
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

    async def _is_ours(self) -> bool:
        """Tell whether the place of the blobs still has this database's mark.

        Two that began with one place at the same time may both have found it theirs.
        """
        if await self._store.blobs.mark() == await self._store.house_marks.get("blobs"):
            return True
        log.error("blobs belong to another database: orphans stay")
        return False

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
            if count := await discard(self._store.blobs, orphans):
                log.info("orphaned blobs deleted", extra={"count": count})
        return looked_at


async def forget(blobs: Blobs, blob_ids: Sequence[str]) -> None:
    """Delete these blobs, several at once; raises `StoreFailed` when one could not be."""
    for start in range(0, len(blob_ids), AT_ONCE):
        if failures := await _deleted(blobs, blob_ids[start : start + AT_ONCE]):
            raise failures[0]


async def discard(blobs: Blobs, blob_ids: Sequence[str]) -> int:
    """Delete blobs that nothing names any more; returns how many are gone.

    One that could not be deleted is only logged: it is an orphan, and tried again as one.
    """
    failures: list[BaseException] = []
    for start in range(0, len(blob_ids), AT_ONCE):
        failures += await _deleted(blobs, blob_ids[start : start + AT_ONCE])
    for failure in failures:
        if not isinstance(failure, StoreFailed):
            raise failure
    if failures:
        extra = {"count": len(failures), "reason": str(failures[0])}
        log.warning("blobs not deleted", extra=extra)
    return len(blob_ids) - len(failures)


@asynccontextmanager
async def discarded_if_refused(blobs: Blobs, blob_id: str) -> AsyncIterator[None]:
    """Delete the blob if what was to name it is refused.

    After `StoreFailed` it may be named, although nobody said so: whoever sweeps orphans finds out.
    """
    try:
        yield
    except StoreFailed:
        raise
    except ForebayError:
        await discard(blobs, [blob_id])
        raise


async def _deleted(blobs: Blobs, blob_ids: Sequence[str]) -> list[BaseException]:
    """Delete some blobs at once; returns what the deletions failed with."""
    ends = await asyncio.gather(*map(blobs.delete, blob_ids), return_exceptions=True)
    return [end for end in ends if end is not None]
