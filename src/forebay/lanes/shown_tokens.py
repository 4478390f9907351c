"""Tokens that were shown of a request whose end no attempt saw: they cost somebody all the same.

A stream whose attempt broke off waits to be gone on with, and its tokens are counted by who does
that. When it is cancelled meanwhile, its caller pays for what was shown; when it expires, it is
waste.
"""

from __future__ import annotations

from forebay.core.clock import Clock
from forebay.core.errors import ForebayError
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.lanes.admission import Accepted, Admission
from forebay.lanes.attempts import shown_before
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.billing import charge, usage_of, waste
from forebay.lanes.contexts import Contexts
from forebay.lanes.wake import log_failure
from forebay.store.ledger import Ledger
from forebay.store.request_records import RequestRecord


class ShownTokens:
    """Accounts for what was shown of requests that ended while they waited."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        streams: BackgroundStreams,
        ledger: Ledger,
        *,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._streams = streams
        self._ledger = ledger
        self._clock = clock

    async def account(self, request: RequestRecord, status: RequestStatus) -> None:
        """Record what was shown of a request that waited, and has just ended with this status."""
        if not request.is_streamed or request.status is not RequestStatus.QUEUED:
            return  # nothing was shown, or who ran it knows better
        try:
            entry = await self._entry(request, status)
            if entry is not None:
                await self._ledger.record(entry)
        except ForebayError as error:
            log_failure("accounting for shown tokens", error, request_id=request.id)

    async def _entry(self, request: RequestRecord, status: RequestStatus) -> LedgerEntry | None:
        answer = shown_before(await self._streams.kept(request.id))
        if answer is None:
            return None
        accepted = await self._accepted(request)
        usage, now = usage_of(accepted.turn, answer), self._clock.now()
        if status is RequestStatus.CANCELLED:
            return charge(accepted, usage, finished_at=now)
        return waste(accepted, usage, attempt=request.attempt, created_at=now)

    async def _accepted(self, request: RequestRecord) -> Accepted:
        context = await self._contexts.of_accepted(request)
        return self._admission.readmit(request, context)
