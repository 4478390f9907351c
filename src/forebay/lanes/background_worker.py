"""The background worker: claims waiting requests and runs them.

For each model a feeder waits until there is both a waiting request and a slot, and only then
claims: the most urgent request of that moment gets the slot. A claimed request is settled or given
back by its lease; when the process dies instead, the next one voids the lease and the request runs
again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from functools import partial

from forebay.core.clock import Clock, Instant, after
from forebay.core.errors import Expired, ForebayError, LeaseLost
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer
from forebay.dialects.wire import encode
from forebay.lanes.admission import Accepted, Admission
from forebay.lanes.background import Outbox, failed_answer
from forebay.lanes.billing import charge, ended, usage_of
from forebay.lanes.catalogue import Served
from forebay.lanes.contexts import Contexts
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.retries import MAX_FAILURES, Chance, is_failure, pause_s
from forebay.lanes.submission import appended
from forebay.lanes.turns import Turns
from forebay.lanes.uninterrupted import uninterrupted
from forebay.lanes.wake import AFTER_FAILURE_S, log_failure, repeat
from forebay.scheduler.dispatcher import Dispatcher, Slot
from forebay.store.database import StoreFailed
from forebay.store.requests import RequestRecord, Settlement
from forebay.store.store import Store

log = logging.getLogger(__name__)

LONGEST_IDLE_S = 30.0  # the net under the wake-ups
SETTLE_TRIES = 5


class BackgroundWorker:
    """Runs what was submitted in the background."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        turns: Turns,
        dispatcher: Dispatcher,
        store: Store,
        leases: LeaseKeeper,
        outbox: Outbox,
        *,
        clock: Clock,
        chance: Chance,
        after_failure_s: float = AFTER_FAILURE_S,
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._turns = turns
        self._dispatcher = dispatcher
        self._store = store
        self._leases = leases
        self._outbox = outbox
        self._clock = clock
        self._chance = chance
        self._after_failure_s = after_failure_s
        self._wakes: dict[str, asyncio.Event] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._fed: list[Served] = []

    async def run(self) -> None:
        """Run for ever; when cancelled, give running requests back uncounted."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for served in self._fed:
                self._begin(tasks, served)
            await asyncio.Event().wait()

    def feed(self, served: Served) -> None:
        """Run this model's requests from now on."""
        self._fed.append(served)
        if self._tasks is not None:
            self._begin(self._tasks, served)

    def wake(self, model: str) -> None:
        """Look for waiting work of this model."""
        wake = self._wakes.get(model)
        if wake is not None:
            wake.set()

    def abort(self, request_id: str) -> None:
        """End the running turn of this request, if it runs here."""
        task = self._running.get(request_id)
        if task is not None:
            task.cancel()

    def _begin(self, tasks: asyncio.TaskGroup, served: Served) -> None:
        wake = self._wakes[served.model.name] = asyncio.Event()
        step = partial(self._feed_once, served, wake)
        tasks.create_task(repeat(step, wake=wake, doing="the background feeder"))

    async def _feed_once(self, served: Served, wake: asyncio.Event) -> float:
        """Claim and begin the most urgent request; returns how long to wait when there is none."""
        model = served.model.name
        asked_at = self._clock.now()
        head = await self._store.requests.peek(model)
        if head is None:
            pause_ends_at = await self._store.requests.next_pause_end(model, after=asked_at)
            if pause_ends_at is None:
                return LONGEST_IDLE_S
            return min(LONGEST_IDLE_S, max(0.0, (pause_ends_at - self._clock.now()) / 1000))
        slot = await self._slot(served, wake, *head)
        if slot is not None:
            await self._claim(served, slot)
        return 0.0

    async def _slot(
        self, served: Served, wake: asyncio.Event, band_rank: int, deadline_at: Instant
    ) -> Slot | None:
        """Wait for a slot in the place of the head; None when something newer may go first."""
        acquiring = asyncio.create_task(
            self._dispatcher.acquire(served.pool, band_rank=band_rank, deadline_at=deadline_at)
        )
        waking = asyncio.create_task(wake.wait())
        try:
            await asyncio.wait((acquiring, waking), return_when=asyncio.FIRST_COMPLETED)
            return acquiring.result() if acquiring.done() else None
        finally:
            waking.cancel()
            if not acquiring.done():
                acquiring.cancel()

    async def _claim(self, served: Served, slot: Slot) -> None:
        request = None
        try:
            request = await self._store.requests.claim(
                served.model.name, lease_expires_at=self._leases.until()
            )
        finally:
            if request is None:
                slot.release()
        if request is None:
            return
        assert self._tasks is not None and request.lease_id is not None
        task = self._tasks.create_task(self._run(request, slot))
        self._running[request.id] = task
        self._leases.hold(request.lease_id, task.cancel)
        # A task that is cancelled before its first step never runs a line of its own.
        task.add_done_callback(lambda _: self._let_go(request, slot))

    def _let_go(self, request: RequestRecord, slot: Slot) -> None:
        slot.release()
        self._running.pop(request.id, None)
        assert request.lease_id is not None
        self._leases.drop(request.lease_id)

    async def _run(self, request: RequestRecord, slot: Slot) -> None:
        """Run a claimed request to a settlement, or give it back."""
        answer = Answer()
        accepted: Accepted | None = None
        try:
            accepted = await self._readmitted(request)
            async with aclosing(self._turns.run(slot, accepted, answer)) as running:
                async for _ in running:
                    pass
            await self._complete(request, accepted, answer)
        except asyncio.CancelledError:
            await uninterrupted(self._stop(request, accepted, answer))
        except LeaseLost:
            log.warning("result dropped", extra={"request_id": request.id})
        except ForebayError as error:
            await self._fail(request, error)
        except Exception:
            # A request that breaks us must not take the worker with it, again at each attempt.
            log.exception("request broke", extra={"request_id": request.id})
            broken = ForebayError("The server had an error processing this request.")
            await self._fail(request, broken)

    async def _readmitted(self, request: RequestRecord) -> Accepted:
        return self._admission.readmit(request, await self._contexts.of_accepted(request))

    async def _complete(self, request: RequestRecord, accepted: Accepted, answer: Answer) -> None:
        now = self._clock.now()
        outcome, entry = ended(accepted, answer, finished_at=now, attempt=request.attempt)
        final = accepted.dialect.final(accepted.call, outcome)
        settlement = Settlement(
            status=outcome.status,
            finished_at=now,
            answer=encode(final),
            charge=entry,
            appended=appended(accepted, final),
        )
        await self._settle(request, settlement)
        log.info(
            "request settled", extra={"request_id": request.id, "status": outcome.status.value}
        )

    async def _settle(self, request: RequestRecord, settlement: Settlement) -> None:
        """Settle; a disk that is busy for a moment must not make the turn run again."""
        for is_last_try in (False,) * (SETTLE_TRIES - 1) + (True,):
            try:
                await self._store.requests.settle(request, settlement)
                self._outbox.wake()
                return
            except StoreFailed:
                if is_last_try:
                    raise
                await asyncio.sleep(self._after_failure_s)

    async def _fail(self, request: RequestRecord, error: ForebayError) -> None:
        """Try again later while that may help and the expiry has not come; else fail."""
        now = self._clock.now()
        if error.is_retriable and now >= request.expires_at:
            error = Expired("the request was not done before it expired")
        not_before_at = after(now, pause_s(error, attempt=request.attempt, chance=self._chance))
        try:
            failures = request.failures + is_failure(error)
            if error.is_retriable and failures < MAX_FAILURES:
                await self._store.requests.requeue(
                    request,
                    not_before_at=min(not_before_at, request.expires_at),
                    is_counted=True,
                    is_failure=is_failure(error),
                )
                log.warning(
                    "request requeued", extra={"request_id": request.id, "code": error.code}
                )
                self.wake(request.model)
                return
            answer = failed_answer(self._admission, request, error, finished_at=now)
            await self._settle(
                request,
                Settlement(status=RequestStatus.FAILED, finished_at=now, answer=answer),
            )
            log.warning("request failed", extra={"request_id": request.id, "code": error.code})
        except LeaseLost:
            log.warning("result dropped", extra={"request_id": request.id})
        except ForebayError as failure:
            # Its lease runs out and is reaped: then the request runs again.
            log_failure("giving a request back", failure, request_id=request.id)

    async def _stop(
        self, request: RequestRecord, accepted: Accepted | None, answer: Answer
    ) -> None:
        """End a turn that was cancelled under us: by its caller, a lost lease, or our shutdown."""
        now = self._clock.now()
        try:
            await self._store.requests.requeue(request, not_before_at=now, is_counted=False)
            log.info("request given back", extra={"request_id": request.id})
        except LeaseLost:
            if accepted is not None:
                await self._charge_the_cut(request, accepted, answer)
        except ForebayError as failure:
            log_failure("giving a request back", failure, request_id=request.id)

    async def _charge_the_cut(
        self, request: RequestRecord, accepted: Accepted, answer: Answer
    ) -> None:
        """Charge what was produced until the caller cancelled; a lost lease charges nothing."""
        if not answer.has_output:
            return
        try:
            current = await self._store.requests.get(request.project_id, request.id)
            if current is not None and current.status is RequestStatus.CANCELLED:
                usage = usage_of(accepted.turn, answer)
                entry = charge(accepted, usage, finished_at=self._clock.now())
                await self._store.ledger.record(entry)
        except ForebayError as failure:
            log_failure("charging a cancelled request", failure, request_id=request.id)
