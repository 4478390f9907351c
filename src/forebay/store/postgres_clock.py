"""The clock of a database that several processes share, so that their leases compare.

It is this machine's steady clock with an offset, which is measured at the start and again every now
and then: no error is larger than half of the time that the quickest answer took.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from forebay.core.clock import Instant
from forebay.store.database import Database, StoreFailed

log = logging.getLogger(__name__)

TRIES = 5
AGAIN_S = 30.0


class PostgresClock:
    """A `Clock` that follows the database's."""

    def __init__(self, database: Database, offset_ms: float) -> None:
        self._database = database
        self._offset_ms = offset_ms
        self._following = asyncio.create_task(self._follow(), name="forebay-postgres-clock")

    @classmethod
    async def open(cls, database: Database) -> PostgresClock:
        """Set the clock, and follow from now on; raises `StoreFailed`."""
        return cls(database, await _measured_ms(database))

    def now(self) -> Instant:
        """Return the database's time."""
        return Instant(round(time.monotonic() * 1000 + self._offset_ms))

    async def close(self) -> None:
        """Follow no more."""
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                self._offset_ms = await _measured_ms(self._database)
            except StoreFailed as error:
                log.warning("clock not set", extra={"reason": str(error)})


async def _measured_ms(database: Database) -> float:
    """Return how far the database's clock is ahead of the steady one, by the quickest try."""
    tries: list[tuple[float, float]] = []
    for _ in range(TRIES):
        asked_ms = time.monotonic() * 1000
        (row,) = await database.read("read_clock")
        answered_ms = time.monotonic() * 1000
        now = row["now"]
        assert isinstance(now, int)
        tries.append((answered_ms - asked_ms, now - (asked_ms + answered_ms) / 2))
    return min(tries)[1]
