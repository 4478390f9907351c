"""Durable requests: who may change what.

A request is claimed with a lease, and only the holder of that lease settles it or gives it back; a
worker that lost its lease gets `LeaseLost` and nothing changes. `cancel` and `expire` need no lease
and win. What ends a request, its ledger entries, its webhook deliveries, the last events of its
stream and what it adds to its conversation are one transaction. Whoever waits for what changes here
is signalled after the commit.
"""

from __future__ import annotations

from collections.abc import Callable

from forebay.core.clock import Clock, Instant
from forebay.core.errors import LeaseLost
from forebay.core.ids import NewId
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus, is_final
from forebay.store.conversations import append_items
from forebay.store.database import Database, Operation, Row, Tx
from forebay.store.deliveries import Ended, owe
from forebay.store.events import EventGroup, append_events, next_number
from forebay.store.ledger import record_entry
from forebay.store.records import Urgency, urgency
from forebay.store.request_records import (
    NewRequest,
    RequestRecord,
    Settlement,
    request_record,
    request_values,
)
from forebay.store.signals import Signals, Topic, queued_subject

LastEvent = Callable[[int], bytes]
"""Returns the event that ends a stream, given its number."""


class Requests:
    """The requests in a database."""

    def __init__(
        self, database: Database, *, clock: Clock, new_id: NewId, signals: Signals
    ) -> None:
        self._database = database
        self._signals = signals
        self._clock = clock
        self._new_id = new_id

    async def enqueue(self, request: NewRequest, *, first: Operation[None] | None = None) -> None:
        """Keep a request to be run; it is on disk when this returns.

        `first` runs in the same transaction before it, and keeps it from happening by raising.
        """
        values = request_values(request) | {
            "webhook_url": request.webhook_url,
            "webhook_token": request.webhook_token,
            "retry_of": request.retry_of,
            "is_streamed": int(request.events is not None),
            "has_events": int(request.events is not None),
        }
        if first is None and request.events is None:
            await self._database.append(
                "enqueue_request", tuple([values[name] for name in _ENQUEUED])
            )
        else:

            async def enqueue(tx: Tx) -> None:
                if first is not None:
                    await first(tx)
                await tx.run("enqueue_request", **values)
                if request.events is not None:
                    await append_events(tx, request.id, request.events)

            await self._database.write(enqueue)
        self._tell_queued(request)

    async def store_settled(
        self, request: NewRequest, settlement: Settlement, *, first: Operation[None] | None = None
    ) -> None:
        """Keep a realtime turn that has ended, with its ledger entry; `first` as in `enqueue`."""
        values = request_values(request)
        del values["expires_at"]

        async def store(tx: Tx) -> None:
            if first is not None:
                await first(tx)
            await tx.run(
                "store_settled_request",
                **values,
                status=settlement.status.value,
                finished_at=settlement.finished_at,
                answer=settlement.answer,
            )
            await _record_settled(tx, request.id, settlement)

        await self._database.write(store)

    async def get(self, project_id: str, request_id: str) -> RequestRecord | None:
        """Return the project's request of that id."""
        return _first(
            await self._database.read("get_request", id=request_id, project_id=project_id)
        )

    async def has_ended(self, request_id: str) -> bool:
        """Tell whether nothing can change the request any more; one that is gone has ended, too."""
        rows = await self._database.read("get_request_status", id=request_id)
        return not rows or is_final(RequestStatus(str(rows[0]["status"])))

    async def peek(self, model: str, *, limit: int) -> list[Urgency]:
        """Return the band ranks and deadlines of the requests that would be claimed next."""
        rows = await self._database.read("peek_waiting_requests", model=model, limit=limit)
        return [urgency(row) for row in rows]

    async def next_pause_end(self, model: str) -> Instant | None:
        """Return when the first of the model's pausing requests may run again."""
        (row,) = await self._database.read("next_pause_end", model=model)
        end = row["not_before_at"]
        return Instant(end) if isinstance(end, int) else None

    async def ripen(self, model: str) -> None:
        """Let the model's requests wait to be claimed again whose pause is over."""
        now = self._clock.now()

        async def ripen(tx: Tx) -> None:
            await tx.run("ripen_requests", model=model, now=now)

        await self._database.write(ripen)

    async def claim(
        self, model: str, *, limit: int, lease_expires_at: Instant
    ) -> list[RequestRecord]:
        """Lease the model's most urgent waiting requests to the caller, as new attempts."""
        lease_id = self._new_id("lease_")
        now = self._clock.now()

        async def claim(tx: Tx) -> list[Row]:
            return await tx.run(
                "claim_requests",
                model=model,
                lease_id=lease_id,
                lease_expires_at=lease_expires_at,
                now=now,
                limit=limit,
            )

        claimed = [request_record(row) for row in await self._database.write(claim)]
        return sorted(claimed, key=lambda request: (request.band_rank, request.deadline_at))

    async def settle(self, request: RequestRecord, settlement: Settlement) -> None:
        """End a request that the caller holds; raises `LeaseLost` and changes nothing otherwise."""

        async def settle(tx: Tx) -> bool:
            rows = await tx.run(
                "settle_request",
                id=request.id,
                lease_id=request.lease_id,
                status=settlement.status.value,
                finished_at=settlement.finished_at,
                answer=settlement.answer,
            )
            if not rows:
                raise LeaseLost(f"the lease on {request.id} was lost")
            await _record_settled(tx, request.id, settlement)
            ended = _ended(request, settlement.status, settlement.finished_at)
            return await owe(tx, ended, new_id=self._new_id)

        self._tell_ended(request, is_owed=await self._database.write(settle))

    async def requeue(
        self,
        request: RequestRecord,
        *,
        not_before_at: Instant | None = None,
        is_counted: bool,
        is_failure: bool = False,
        waste: tuple[LedgerEntry, ...] = (),
    ) -> None:
        """Give a request back unfinished; raises `LeaseLost`.

        Without a pause it may be claimed at once. An uncounted attempt never was; a failure counts
        against the budget of failures.
        """

        async def requeue(tx: Tx) -> None:
            rows = await tx.run(
                "requeue_request",
                id=request.id,
                lease_id=request.lease_id,
                not_before_at=not_before_at or 0,
                uncounted=0 if is_counted else 1,
                failed=int(is_failure),
            )
            if not rows:
                raise LeaseLost(f"the lease on {request.id} was lost")
            for entry in waste:
                await record_entry(tx, entry)

        await self._database.write(requeue)
        self._tell_queued(request)

    async def cancel(
        self, request: RequestRecord, *, finished_at: Instant, answer: bytes, last_event: LastEvent
    ) -> bool:
        """Cancel a background request that has not ended; returns False if it has."""
        has_ended = await self._end_without_lease(
            "cancel_request", request, RequestStatus.CANCELLED, finished_at, answer, last_event
        )
        if has_ended:
            self._signals.send(Topic.CANCELLED, request.id)
        return has_ended

    async def expire(
        self, request: RequestRecord, *, finished_at: Instant, answer: bytes, last_event: LastEvent
    ) -> bool:
        """Fail a waiting request whose expiry has come; returns False if it runs or has ended."""
        return await self._end_without_lease(
            "expire_request", request, RequestStatus.FAILED, finished_at, answer, last_event
        )

    async def expired(self) -> list[RequestRecord]:
        """Return some waiting requests whose expiry has come."""
        rows = await self._database.read("list_expired_requests", now=self._clock.now())
        return [request_record(row) for row in rows]

    async def _end_without_lease(
        self,
        query: str,
        request: RequestRecord,
        status: RequestStatus,
        finished_at: Instant,
        answer: bytes,
        last_event: LastEvent,
    ) -> bool:
        async def end(tx: Tx) -> bool | None:
            rows = await tx.run(
                query,
                id=request.id,
                project_id=request.project_id,
                finished_at=finished_at,
                answer=answer,
            )
            if not rows:
                return None
            if request.is_streamed:
                number = await next_number(tx, request.id)
                group = EventGroup(
                    first_number=number, last_number=number, events=last_event(number)
                )
                await append_events(tx, request.id, group)
            return await owe(tx, _ended(request, status, finished_at), new_id=self._new_id)

        is_owed = await self._database.write(end)
        if is_owed is None:
            return False
        self._tell_ended(request, is_owed=is_owed)
        return True

    def _tell_queued(self, request: NewRequest | RequestRecord) -> None:
        place = (request.band_rank, request.deadline_at)
        self._signals.send(Topic.QUEUED, queued_subject(request.model, place))

    def _tell_ended(self, request: RequestRecord, *, is_owed: bool) -> None:
        self._signals.send(Topic.CHANGED, request.id)
        if is_owed:
            self._signals.send(Topic.OWED)


# In the order of the statement's placeholders.
_ENQUEUED = (
    "id", "project_id", "key_id", "lane", "dialect", "model", "completion_window", "band_rank",
    "accepted_at", "deadline_at", "expires_at", "is_stored", "is_streamed", "has_events", "body",
    "webhook_url", "webhook_token", "metadata", "session", "group_name", "previous_id",
    "conversation_id", "retry_of",
)  # fmt: skip


async def _record_settled(tx: Tx, request_id: str, settlement: Settlement) -> None:
    if settlement.charge is not None:
        await record_entry(tx, settlement.charge)
    for entry in settlement.waste:
        await record_entry(tx, entry)
    if settlement.appended is not None:
        await append_items(tx, settlement.appended)
    if settlement.events is not None:
        await append_events(tx, request_id, settlement.events)


def _ended(request: RequestRecord, status: RequestStatus, finished_at: Instant) -> Ended:
    return Ended(
        request_id=request.id,
        project_id=request.project_id,
        status=status,
        finished_at=finished_at,
        webhook_url=request.webhook_url,
        webhook_token=request.webhook_token,
    )


def _first(rows: list[Row]) -> RequestRecord | None:
    return request_record(rows[0]) if rows else None
