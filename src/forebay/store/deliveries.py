"""The outbox: webhook calls that are owed, and who may change what.

What is owed is kept by the transaction that ends a request or a batch, with the id of the event
that every try will be sent with. A delivery is claimed for a while, and only under that claim it
is recorded or released; after a crash it is claimed again. So it may arrive twice, and whoever
receives it tells by the event's id, but never not at all without all its tries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebay.core.clock import Clock, Instant
from forebay.core.ids import NewId
from forebay.core.requests import RequestStatus
from forebay.core.webhooks import Attempt, EventType, receiver_of
from forebay.store.database import Database, Row, Tx
from forebay.store.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that the caller may make; `attempt` fences what it records."""

    id: str
    attempt: int
    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One call to make. Tokens and secrets are sealed.

    An endpoint's call has its secrets, any other one the `answer` that is its body. It is tried
    for as long after `owed_at` as it may be: that is its creation, or the last wish for it.
    """

    id: str
    event_id: str
    event_type: EventType
    subject_id: str
    endpoint_id: str | None
    receiver: str
    attempt: int
    failures: int
    created_at: Instant
    owed_at: Instant
    url: str
    token: bytes | None = None
    answer: bytes | None = None
    secret: bytes | None = None
    old_secrets: tuple[bytes, ...] = ()
    disabled_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A background request that has just ended. `webhook_token` is sealed."""

    request_id: str
    project_id: str
    status: RequestStatus
    finished_at: Instant
    webhook_url: str | None
    webhook_token: bytes | None


class Deliveries:
    """The outbox in a database, as whoever delivers sees it."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due_receivers(self, *, limit: int) -> list[str]:
        """Return receivers for whom deliveries are due, who waits longest first.

        It takes no longer for one to whom very many are owed.
        """
        rows = await self._database.read("list_due_receivers", now=self._clock.now(), limit=limit)
        return [str(row["receiver"]) for row in rows]

    async def first_at(self) -> Instant | None:
        """Return when the first delivery is due, or was."""
        return _instant(await self._database.read("first_delivery_at"))

    async def next_at(self, *, after: Instant) -> Instant | None:
        """Return when, after this instant, a delivery is due next."""
        return _instant(await self._database.read("next_delivery_at", after=after))

    async def claim(self, rooms: Mapping[str, int], *, leased_until: Instant) -> list[Claimed]:
        """Lease due deliveries to the caller: at most so many for each of these receivers."""
        now = self._clock.now()

        async def claim(tx: Tx) -> list[Row]:
            rows: list[Row] = []
            for receiver, limit in sorted(rooms.items()):
                rows += await tx.run(
                    "claim_deliveries",
                    receiver=receiver,
                    now=now,
                    leased_until=leased_until,
                    limit=limit,
                )
            return rows

        return [record(row, Claimed) for row in await self._database.write(claim)]

    async def load(self, claimed: Claimed) -> Delivery | None:
        """Return what is to be called; None when the claim is lost, or nobody wants it any more."""
        rows = await self._database.read(
            "get_claimed_delivery", id=claimed.id, attempt=claimed.attempt, now=self._clock.now()
        )
        if not rows:
            return None
        old_secrets = [row["old_secret"] for row in rows if row["old_secret"] is not None]
        return record({**rows[0], "old_secrets": old_secrets}, Delivery)

    async def record(
        self,
        delivery: Delivery,
        attempt: Attempt,
        *,
        next_at: Instant | None,
        is_gone: bool = False,
    ) -> bool:
        """Note a try: delivered when it has no error, else due again, or given up.

        `is_gone` disables the endpoint and gives up all that it is owed, unless it has moved
        meanwhile. Returns False, and notes nothing, when the claim was lost.
        """
        now = self._clock.now()
        is_delivered = attempt.error is None

        async def note(tx: Tx) -> bool:
            rows = await tx.run(
                "record_delivery",
                id=delivery.id,
                attempt=delivery.attempt,
                next_at=next_at,
                delivered_at=now if is_delivered else None,
                failed=0 if is_delivered else 1,
            )
            if not rows:
                return False
            await log_attempt(tx, delivery.id, attempt)
            if is_gone:
                await _disable(tx, delivery, now)
            return True

        return await self._database.write(note)

    async def release(self, claimed: Claimed) -> None:
        """Give a claim back untried; the delivery is due at once."""
        now = self._clock.now()

        async def release(tx: Tx) -> None:
            await tx.run("release_delivery", id=claimed.id, attempt=claimed.attempt, now=now)

        await self._database.write(release)

    async def void_all(self) -> int:
        """Take back every claim there is: for a server that has just taken the data directory."""
        now = self._clock.now()

        async def void(tx: Tx) -> int:
            return len(await tx.run("void_delivery_leases", now=now))

        return await self._database.write(void)

    async def prune(self, before: Instant) -> int:
        """Forget some endpoints' deliveries of events before this instant; returns how many.

        Those that are still owed stay. Those of a request's own webhook go with the request.
        """

        async def prune(tx: Tx) -> int:
            return len(await tx.run("prune_deliveries", before=before))

        return await self._database.write(prune)


async def owe(tx: Tx, ended: Ended, *, new_id: NewId) -> bool:
    """Keep the calls that are owed for this end, inside the transaction that makes it so.

    Returns whether there are any: then `Topic.OWED` is to be sent after the commit.
    """
    event = _Event(
        type=EventType(f"response.{ended.status.value}"),
        project_id=ended.project_id,
        subject_id=ended.request_id,
        created_at=ended.finished_at,
    )
    endpoints = await _subscribed(tx, event)
    if not endpoints and ended.webhook_url is None:
        return False
    event_id = new_id("evt_")
    if ended.webhook_url is not None:
        await tx.run(
            "enqueue_delivery",
            **_values(event, event_id, new_id),
            request_id=ended.request_id,
            endpoint_id=None,
            url=ended.webhook_url,
            token=ended.webhook_token,
            receiver=receiver_of(ended.webhook_url),
        )
    await _owe_to(tx, endpoints, event, event_id, new_id)
    return True


async def owe_of_batch(
    tx: Tx, *, type: EventType, project_id: str, batch_id: str, ended_at: Instant, new_id: NewId
) -> bool:
    """Keep the calls that are owed for the end of a batch; see `owe`."""
    event = _Event(type=type, project_id=project_id, subject_id=batch_id, created_at=ended_at)
    endpoints = await _subscribed(tx, event)
    if endpoints:
        await _owe_to(tx, endpoints, event, new_id("evt_"), new_id)
    return bool(endpoints)


async def log_attempt(tx: Tx, delivery_id: str, attempt: Attempt) -> None:
    """Add a try to the log of a delivery, inside a transaction."""
    await tx.run(
        "add_delivery_attempt",
        delivery_id=delivery_id,
        number=attempt.number,
        began_at=attempt.began_at,
        duration_ms=attempt.duration_ms,
        status_code=attempt.status_code,
        error=attempt.error,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    type: EventType
    project_id: str
    subject_id: str
    created_at: Instant


async def _subscribed(tx: Tx, event: _Event) -> list[Row]:
    # The types are a JSON list of words without any sign that LIKE or JSON would escape.
    return await tx.run(
        "list_subscribed_endpoints", project_id=event.project_id, wanted=f'%"{event.type.value}"%'
    )


async def _owe_to(
    tx: Tx, endpoints: list[Row], event: _Event, event_id: str, new_id: NewId
) -> None:
    for endpoint in endpoints:
        await tx.run(
            "enqueue_delivery",
            **_values(event, event_id, new_id),
            request_id=None,
            endpoint_id=endpoint["id"],
            url=None,
            token=None,
            receiver=endpoint["receiver"],
        )


def _values(event: _Event, event_id: str, new_id: NewId) -> dict[str, str | int]:
    return {
        "id": new_id("dlv_"),
        "event_id": event_id,
        "event_type": event.type.value,
        "subject_id": event.subject_id,
        "created_at": event.created_at,
    }


async def _disable(tx: Tx, delivery: Delivery, now: Instant) -> None:
    rows = await tx.run(
        "disable_webhook_endpoint", id=delivery.endpoint_id, url=delivery.url, now=now
    )
    if rows:
        await tx.run("give_up_deliveries", endpoint_id=delivery.endpoint_id)


def _instant(rows: list[Row]) -> Instant | None:
    next_at = rows[0]["next_at"]
    return Instant(next_at) if isinstance(next_at, int) else None
