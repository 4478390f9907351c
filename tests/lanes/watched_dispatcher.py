"""A dispatcher that shows how many wait for a slot."""

from __future__ import annotations

from collections import Counter
from typing import Any

from forebay.engines.pool import Pool
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot


class WatchedDispatcher(Dispatcher):
    """Counts in `waiting`, for every pool, those that have asked for a slot and have none yet."""

    def __init__(self, **others: Any) -> None:
        super().__init__(**others)
        self.waiting: Counter[Pool] = Counter()

    async def acquire(self, pool: Pool, **others: Any) -> Slot:
        """Return a slot; see `Dispatcher.acquire`."""
        self.waiting[pool] += 1
        try:
            return await super().acquire(pool, **others)
        finally:
            self.waiting[pool] -= 1
