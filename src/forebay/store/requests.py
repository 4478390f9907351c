"""Durable requests: who may change what.

A request is claimed with a lease, and only the holder of that lease settles it or gives it back; a
worker that lost its lease gets `LeaseLost` and nothing changes. `cancel` and `expire` need no lease
and win. What ends a request, its ledger entry, its webhook delivery and what it adds to its
conversation are one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.core.clock import Clock, Instant
from forebay.core.errors import LeaseLost
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.core.ledger import LedgerEntry
from forebay.core.requests import RequestStatus
from forebay.dialects.wire import encode
from forebay.store.conversations import Appended, append_items
from forebay.store.database import Database, Row, Tx, Value
from forebay.store.ledger import record_entry
from forebay.store.records import band_and_deadline, record, with_metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request as it is accepted. `body` and `metadata` are the caller's, without secrets."""

    id: str
    project_id: str
    key_id: str
    lane: Lane
    dialect: str
    model: str
    completion_window: str
    band_rank: int
    accepted_at: Instant
    deadline_at: Instant
    expires_at: Instant
    body: bytes
    is_stored: bool = True
    webhook_url: str | None = None
    webhook_token: bytes | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    previous_id: str | None = None
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request as it is kept. `answer` is the final object's JSON.

    `previous_id` is that of the request it continues, which may be deleted by now.
    """

    id: str
    project_id: str
    key_id: str
    lane: Lane
    dialect: str
    model: str
    completion_window: str
    band_rank: int
    status: RequestStatus
    accepted_at: Instant
    deadline_at: Instant
    expires_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    attempt: int
    failures: int
    lease_id: str | None
    is_stored: bool
    body: bytes
    answer: bytes | None
    metadata: dict[str, str]
    previous_id: str | None
    conversation_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a request ended. `appended` goes to the conversation that it belongs to."""

    status: RequestStatus
    finished_at: Instant
    answer: bytes
    charge: LedgerEntry | None = None
    appended: Appended | None = None


class Requests:
    """The requests in a database."""

    def __init__(self, database: Database, *, clock: Clock, new_id: NewId) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def enqueue(self, request: NewRequest) -> None:
        """Keep a request to be run; it is on disk when this returns."""

        async def enqueue(tx: Tx) -> None:
            await tx.run(
                "enqueue_request",
                **_values(request),
                webhook_url=request.webhook_url,
                webhook_token=request.webhook_token,
            )

        await self._database.write(enqueue)

    async def store_settled(self, request: NewRequest, settlement: Settlement) -> None:
        """Keep a realtime turn that has ended, with its ledger entry."""

        async def store(tx: Tx) -> None:
            await tx.run(
                "store_settled_request",
                **{key: value for key, value in _values(request).items() if key != "expires_at"},
                status=settlement.status.value,
                finished_at=settlement.finished_at,
                answer=settlement.answer,
            )
            await _record_settled(tx, settlement)

        await self._database.write(store)

    async def get(self, project_id: str, request_id: str) -> RequestRecord | None:
        """Return the project's request of that id."""
        return _first(
            await self._database.read("get_request", id=request_id, project_id=project_id)
        )

    async def peek(self, model: str) -> tuple[int, Instant] | None:
        """Return the band rank and deadline of the request that would be claimed next."""
        rows = await self._database.read("peek_waiting_request", model=model, now=self._clock.now())
        return band_and_deadline(rows)

    async def next_pause_end(self, model: str, *, after: Instant) -> Instant | None:
        """Return when, after this instant, one of the model's pausing requests may run again."""
        (row,) = await self._database.read("next_pause_end", model=model, after=after)
        end = row["not_before_at"]
        return Instant(end) if isinstance(end, int) else None

    async def claim(self, model: str, *, lease_expires_at: Instant) -> RequestRecord | None:
        """Lease the model's most urgent waiting request to the caller, as a new attempt."""
        lease_id = self._new_id("lease_")
        now = self._clock.now()

        async def claim(tx: Tx) -> list[Row]:
            return await tx.run(
                "claim_request",
                model=model,
                lease_id=lease_id,
                lease_expires_at=lease_expires_at,
                now=now,
            )

        return _first(await self._database.write(claim))

    async def settle(self, request: RequestRecord, settlement: Settlement) -> None:
        """End a request that the caller holds; raises `LeaseLost` and changes nothing otherwise."""

        async def settle(tx: Tx) -> None:
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
            await _record_settled(tx, settlement)
            await self._enqueue_delivery(tx, request.id, rows[0])

        await self._database.write(settle)

    async def requeue(
        self,
        request: RequestRecord,
        *,
        not_before_at: Instant,
        is_counted: bool,
        is_failure: bool = False,
    ) -> None:
        """Give a request back unfinished; raises `LeaseLost`.

        An uncounted attempt never was; a failure counts against the budget of failures.
        """

        async def requeue(tx: Tx) -> None:
            rows = await tx.run(
                "requeue_request",
                id=request.id,
                lease_id=request.lease_id,
                not_before_at=not_before_at,
                uncounted=0 if is_counted else 1,
                failed=int(is_failure),
            )
            if not rows:
                raise LeaseLost(f"the lease on {request.id} was lost")

        await self._database.write(requeue)

    async def cancel(self, request: RequestRecord, *, finished_at: Instant, answer: bytes) -> bool:
        """Cancel a background request that has not ended; returns False if it has."""

        async def cancel(tx: Tx) -> bool:
            rows = await tx.run(
                "cancel_request",
                id=request.id,
                project_id=request.project_id,
                finished_at=finished_at,
                answer=answer,
            )
            if rows:
                await self._enqueue_delivery(tx, request.id, rows[0])
            return bool(rows)

        return await self._database.write(cancel)

    async def expire(self, request: RequestRecord, *, finished_at: Instant, answer: bytes) -> bool:
        """Fail a waiting request whose expiry has come; returns False if it runs or has ended."""

        async def expire(tx: Tx) -> bool:
            rows = await tx.run(
                "expire_request", id=request.id, finished_at=finished_at, answer=answer
            )
            if rows:
                await self._enqueue_delivery(tx, request.id, rows[0])
            return bool(rows)

        return await self._database.write(expire)

    async def expired(self) -> list[RequestRecord]:
        """Return some waiting requests whose expiry has come."""
        rows = await self._database.read("list_expired_requests", now=self._clock.now())
        return [request_record(row) for row in rows]

    async def _enqueue_delivery(self, tx: Tx, request_id: str, row: Row) -> None:
        if row["webhook_url"] is not None:
            await tx.run(
                "enqueue_delivery",
                id=self._new_id("dlv_"),
                request_id=request_id,
                url=row["webhook_url"],
                token=row["webhook_token"],
                next_at=self._clock.now(),
            )


async def _record_settled(tx: Tx, settlement: Settlement) -> None:
    if settlement.charge is not None:
        await record_entry(tx, settlement.charge)
    if settlement.appended is not None:
        await append_items(tx, settlement.appended)


def _values(request: NewRequest) -> dict[str, Value]:
    return {
        "id": request.id,
        "project_id": request.project_id,
        "key_id": request.key_id,
        "lane": request.lane.value,
        "dialect": request.dialect,
        "model": request.model,
        "completion_window": request.completion_window,
        "band_rank": request.band_rank,
        "accepted_at": request.accepted_at,
        "deadline_at": request.deadline_at,
        "expires_at": request.expires_at,
        "is_stored": int(request.is_stored),
        "body": request.body,
        "metadata": encode(request.metadata).decode(),
        "previous_id": request.previous_id,
        "conversation_id": request.conversation_id,
    }


def request_record(row: Row) -> RequestRecord:
    """Return a row of the requests as a record."""
    return record(with_metadata(row), RequestRecord)


def _first(rows: list[Row]) -> RequestRecord | None:
    return request_record(rows[0]) if rows else None
