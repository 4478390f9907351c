"""The expirer: fails background requests that still wait when their expiry comes."""

from __future__ import annotations

import asyncio

from forebay.core.clock import Clock
from forebay.core.errors import Expired
from forebay.core.requests import RequestStatus
from forebay.lanes.admission import Admission
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.rendering import failure, last_event, rendered
from forebay.lanes.shown_tokens import ShownTokens
from forebay.lanes.wake import log_failure, repeat
from forebay.store.request_records import RequestRecord
from forebay.store.store import Store

PAUSE_S = 30.0


class Expirer:
    """Looks for expired requests now and then."""

    def __init__(
        self,
        admission: Admission,
        store: Store,
        control: Control,
        shown_tokens: ShownTokens,
        *,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._store = store
        self._control = control
        self._shown_tokens = shown_tokens
        self._clock = clock

    async def run(self) -> None:
        """Expire for ever."""
        await repeat(self.expire, wake=asyncio.Event(), doing="expiry")

    async def expire(self) -> float:
        """Fail what has expired; returns how long to wait before looking again."""
        if not self._control.holds(HOUSEKEEPING):
            return PAUSE_S
        expired = await self._store.requests.expired()
        ended = 0
        for request in expired:
            try:
                await self._expire(request)
                ended += 1
            except Exception as error:
                # One that cannot be ended must not hold back the others.
                log_failure("expiry", error, request_id=request.id)
        return 0.0 if ended else PAUSE_S

    async def _expire(self, request: RequestRecord) -> None:
        now = self._clock.now()
        error = Expired("the request was not run before it expired")
        outcome = failure(request, error, finished_at=now)
        has_ended = await self._store.requests.expire(
            request,
            finished_at=now,
            answer=rendered(self._admission, request, outcome),
            last_event=last_event(self._admission, request, outcome),
        )
        if has_ended:
            await self._shown_tokens.account(request, RequestStatus.FAILED)
