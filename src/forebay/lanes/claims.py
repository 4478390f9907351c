"""A claimed request in the hands of who holds its lease: settled once, or given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from forebay.core.clock import Clock, after
from forebay.core.errors import ForebayError
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.lanes.attempts import Attempt
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.billing import charge, usage_of
from forebay.lanes.retries import MAX_FAILURES, Chance, is_failure, pause_s
from forebay.lanes.wake import AFTER_FAILURE_S, log_failure
from forebay.store.database import StoreFailed
from forebay.store.request_records import RequestRecord, Settlement
from forebay.store.store import Store

log = logging.getLogger(__name__)

SETTLE_TRIES = 5

Sleep = Callable[[float], Awaitable[None]]


class Claims:
    """What is done with claimed requests. Everything raises `LeaseLost` for who lost the lease."""

    def __init__(
        self,
        store: Store,
        streams: BackgroundStreams,
        *,
        clock: Clock,
        chance: Chance,
        after_failure_s: float = AFTER_FAILURE_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._store = store
        self._streams = streams
        self._clock = clock
        self._chance = chance
        self._after_failure_s = after_failure_s
        self._sleep = sleep

    async def settle(self, request: RequestRecord, settlement: Settlement) -> None:
        """End it; a disk that is busy for a moment must not make the turn run again."""
        await self._patiently(lambda: self._store.requests.settle(request, settlement))
        if settlement.events is not None:
            self._streams.show(request.id, settlement.events)
        fields = {"request_id": request.id, "status": settlement.status.value}
        log.info("request settled", extra=fields)

    def may_run_again(self, request: RequestRecord, error: ForebayError) -> bool:
        """Tell whether another attempt might help after this error."""
        return error.is_retriable and request.failures + is_failure(error) < MAX_FAILURES

    async def pause(
        self, request: RequestRecord, error: ForebayError, *, waste: tuple[LedgerEntry, ...]
    ) -> None:
        """Give it back for a later attempt; `waste` is what this one has cost."""
        pausing_s = pause_s(error, attempt=request.attempt, chance=self._chance)
        await self._store.requests.requeue(
            request,
            not_before_at=min(after(self._clock.now(), pausing_s), request.expires_at),
            is_counted=True,
            is_failure=is_failure(error),
            waste=waste,
        )
        log.warning("request requeued", extra={"request_id": request.id, "code": error.code})

    async def give_back(self, request: RequestRecord, *, waste: tuple[LedgerEntry, ...]) -> None:
        """Give it back as if it had never been claimed, but for what that has cost."""
        await self._store.requests.requeue(request, is_counted=False, waste=waste)
        log.info("request given back", extra={"request_id": request.id})

    async def charge_if_cancelled(self, request: RequestRecord, attempt: Attempt) -> None:
        """Charge what was produced until the caller cancelled; a lost lease charges nothing."""
        if not attempt.answer.has_output:
            return
        usage = usage_of(attempt.accepted.turn, attempt.answer)
        entry = charge(attempt.accepted, usage, finished_at=self._clock.now())
        try:
            current = await self._store.requests.get(request.project_id, request.id)
            if current is not None and current.status is RequestStatus.CANCELLED:
                await self._patiently(lambda: self._store.ledger.record(entry))
        except ForebayError as failed:
            log_failure("charging a cancelled request", failed, request_id=request.id)

    async def _patiently(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write; a disk that is busy for a moment loses nothing."""
        for is_last_try in (False,) * (SETTLE_TRIES - 1) + (True,):
            try:
                await write()
                return
            except StoreFailed:
                if is_last_try:
                    raise
                await self._sleep(self._after_failure_s)
