"""The running of one claimed request: an attempt, to a settlement or back into the queue.

Whatever is written is fenced by the attempt's lease: an attempt that lost it changes nothing. The
slot is the run's from its beginning, and free when it has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress

import msgspec

from forebay.core.clock import Clock, Instant
from forebay.core.errors import Expired, ForebayError, LeaseLost, RequestRejected
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.responses_stream import ResponsesWriter
from forebay.dialects.turn import Delta
from forebay.dialects.wire import encode
from forebay.lanes.admission import Admission
from forebay.lanes.attempts import Attempt, begun, shown_before
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.billing import ended, usage_of, waste
from forebay.lanes.claims import Claims, Sleep
from forebay.lanes.contexts import Contexts
from forebay.lanes.event_keeper import EventKeeper
from forebay.lanes.rendering import failure
from forebay.lanes.submission import appended
from forebay.lanes.turns import Turns
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import log_failure
from forebay.scheduler.slot import Slot
from forebay.store.database import StoreFailed
from forebay.store.events import EventGroup, Events
from forebay.store.request_records import RequestRecord, Settlement

log = logging.getLogger(__name__)

Running = AsyncGenerator[list[Delta], None]


class BackgroundRuns:
    """What every run needs of the house."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        turns: Turns,
        claims: Claims,
        events: Events,
        streams: BackgroundStreams,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.admission = admission
        self.contexts = contexts
        self.turns = turns
        self.claims = claims
        self.events = events
        self.streams = streams
        self.clock = clock
        self.sleep = sleep

    def run_of(self, request: RequestRecord, slot: Slot) -> BackgroundRun:
        """Return the run of a request that was just claimed."""
        return BackgroundRun(self, request, slot)


class BackgroundRun:
    """The run of one claimed request on a slot."""

    def __init__(self, rooms: BackgroundRuns, request: RequestRecord, slot: Slot) -> None:
        self._rooms = rooms
        self.request = request
        self.slot = slot
        self._kept = b""
        self._attempt: Attempt | None = None
        self._passed_over: Answer | None = None
        self._writer: ResponsesWriter | None = None
        self._keeper: EventKeeper | None = None

    @property
    def output_tokens(self) -> int:
        """How many tokens the attempt has given so far, about."""
        return 0 if self._attempt is None else self._attempt.answer.delta_count

    async def run(self) -> None:
        """Run the request to a settlement, or give it back."""
        try:
            attempt = await self._begun()
            try:
                await self._exchange(attempt, self._on_slot(attempt))
            except RequestRejected:
                if not attempt.goes_on or attempt.has_more:
                    raise
                # Some templates refuse an answer that has begun.
                attempt = await self._begun(can_go_on=False)
                await self._exchange(attempt, self._on_another_slot(attempt))
            await self._complete(attempt)
        except asyncio.CancelledError:
            await uninterrupted(self._stop())
        except LeaseLost:
            log.warning("result dropped", extra={"request_id": self.request.id})
        except ForebayError as error:
            await self._fail(error)
        except Exception:
            # A request that breaks us must not take the worker with it, again at each attempt.
            log.exception("request broke", extra={"request_id": self.request.id})
            await self._fail(ForebayError("The server had an error processing this request."))

    def _on_slot(self, attempt: Attempt) -> Running:
        return self._rooms.turns.run(self.slot, attempt.accepted, attempt.folded)

    def _on_another_slot(self, attempt: Attempt) -> Running:
        """Run the turn where there is room: the slot was given back by the one before."""
        left_s = max(0.0, (self.request.expires_at - self._rooms.clock.now()) / 1000)
        return self._rooms.turns.stream(attempt.accepted, attempt.folded, max_wait_s=left_s)

    async def _begun(self, *, can_go_on: bool = True) -> Attempt:
        request, rooms = self.request, self._rooms
        if request.is_streamed:
            self._kept = await rooms.streams.kept(request.id)
        context = await rooms.contexts.of_accepted(request)
        accepted = rooms.admission.readmit(request, context)
        if not request.is_streamed:
            self._attempt = Attempt(accepted)
            return self._attempt
        takes_prefill = can_go_on and self.slot.takes_prefill
        attempt = begun(accepted, self._kept, takes_prefill=takes_prefill)
        assert attempt.writer is not None
        self._passed_over = None if attempt.goes_on else shown_before(self._kept)
        self._keep_with(attempt.writer)
        self._attempt = attempt
        return attempt

    def _keep_with(self, writer: ResponsesWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._writer = writer
        self._keeper = EventKeeper(
            self._rooms.events,
            self._rooms.streams,
            self.request,
            first_number=writer.next_number,
            on_lost=task.cancel,
            sleep=self._rooms.sleep,
        )
        self._keeper.add(writer.begin())

    async def _exchange(self, attempt: Attempt, running: Running) -> None:
        async with AsyncExitStack() as stack:
            if self._keeper is not None:
                await stack.enter_async_context(self._keeper.keeping())
            await stack.enter_async_context(aclosing(running))
            async for deltas in running:
                events = attempt.take(deltas)
                if self._keeper is not None:
                    self._keeper.add(events)

    async def _complete(self, attempt: Attempt) -> None:
        request, accepted = self.request, attempt.accepted
        now = self._rooms.clock.now()
        outcome, entry = ended(accepted, attempt.answer, finished_at=now, attempt=request.attempt)
        if request.retry_of is not None:
            outcome.extension["retry_of"] = request.retry_of
        outcome = msgspec.structs.replace(outcome, first_index=attempt.first_index)
        final = accepted.dialect.final(accepted.call, outcome)
        settlement = Settlement(
            status=outcome.status,
            finished_at=now,
            answer=encode(final),
            charge=entry,
            waste=self._waste(now, with_own=False),
            appended=appended(accepted, final),
            events=self._last_events(outcome),
        )
        await self._rooms.claims.settle(request, settlement)

    def _last_events(self, outcome: Outcome) -> EventGroup | None:
        """Return what is not kept yet of the stream, with its end."""
        if self._keeper is None or self._writer is None:
            return None
        return self._keeper.rest(self._writer.close(outcome))

    async def _fail(self, error: ForebayError) -> None:
        """Try again later while that may help and the expiry has not come; else fail."""
        request, claims = self.request, self._rooms.claims
        now = self._rooms.clock.now()
        if error.is_retriable and now >= request.expires_at:
            error = Expired("the request was not done before it expired")
        try:
            if claims.may_run_again(request, error):
                await self._flush()
                await claims.pause(request, error, waste=self._waste(now, with_own=self._is_lost))
            else:
                await claims.settle(request, self._failed(error, now))
        except LeaseLost:
            log.warning("result dropped", extra={"request_id": request.id})
        except Exception as failed:
            # Its lease runs out and is reaped: then the request runs again. Whatever it was, it
            # must not take the worker with it, and with that the server.
            log_failure("giving a request back", failed, request_id=request.id)

    def _failed(self, error: ForebayError, now: Instant) -> Settlement:
        request = self.request
        outcome = failure(request, error, finished_at=now)
        call, dialect = self._rooms.admission.recall(request)
        if request.is_streamed and self._keeper is None:
            # It failed before it could be run, for a reason that no later attempt will mend.
            assert isinstance(dialect, ResponsesDialect), "no other API has a background"
            self._keep_with(dialect.resumed(call, self._kept, goes_on=False))
        return Settlement(
            status=RequestStatus.FAILED,
            finished_at=now,
            answer=encode(dialect.final(call, outcome)),
            waste=self._waste(now, with_own=True),
            events=self._last_events(outcome),
        )

    def _waste(self, now: Instant, *, with_own: bool) -> tuple[LedgerEntry, ...]:
        """Return what the attempt before has cost, if its text was not taken up, and this one."""
        attempt, number = self._attempt, self.request.attempt
        if attempt is None:
            return ()
        entries = []
        for tried, answer in (
            (number - 1, self._passed_over),
            (number, attempt.answer if with_own else None),
        ):
            if answer is not None and answer.has_output:
                usage = usage_of(attempt.accepted.turn, answer)
                entries.append(waste(attempt.accepted, usage, attempt=tried, created_at=now))
        return tuple(entries)

    @property
    def _is_lost(self) -> bool:
        """Whether no other attempt can take up what this one has given, and account for it."""
        attempt = self._attempt
        can_be_kept = self.request.is_streamed and self.slot.takes_prefill
        return not (can_be_kept and attempt is not None and attempt.is_plain)

    async def _stop(self) -> None:
        """End a turn that was cancelled under us: by its caller, a lost lease, or our shutdown."""
        claims = self._rooms.claims
        try:
            await self._flush()
            cost = self._waste(self._rooms.clock.now(), with_own=self._is_lost)
            await claims.give_back(self.request, waste=cost)
        except LeaseLost:
            if self._attempt is not None:
                await claims.charge_if_cancelled(self.request, self._attempt)
        except Exception as failed:
            log_failure("giving a request back", failed, request_id=self.request.id)

    async def _flush(self) -> None:
        """Keep the events that have gathered: the next attempt may go on from there."""
        if self._keeper is not None:
            with suppress(StoreFailed):
                await self._keeper.flush()
