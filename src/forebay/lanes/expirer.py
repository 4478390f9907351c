"""The expirer: fails background requests that still wait when their expiry comes."""

from __future__ import annotations

import asyncio

from forebay.core.clock import Clock
from forebay.core.errors import Expired
from forebay.lanes.admission import Admission
from forebay.lanes.background import Outbox, failed_answer
from forebay.lanes.wake import repeat
from forebay.store.store import Store

PAUSE_S = 30.0


class Expirer:
    """Looks for expired requests now and then; `outbox` learns of the webhooks that follow."""

    def __init__(self, admission: Admission, store: Store, outbox: Outbox, *, clock: Clock) -> None:
        self._admission = admission
        self._store = store
        self._outbox = outbox
        self._clock = clock

    async def run(self) -> None:
        """Expire for ever."""
        await repeat(self.expire, wake=asyncio.Event(), doing="expiry")

    async def expire(self) -> float:
        """Fail what has expired; returns how long to wait before looking again."""
        expired = await self._store.requests.expired()
        for request in expired:
            now = self._clock.now()
            error = Expired("the request was not run before it expired")
            answer = failed_answer(self._admission, request, error, finished_at=now)
            await self._store.requests.expire(request, finished_at=now, answer=answer)
            self._outbox.wake()
        return 0.0 if expired else PAUSE_S
