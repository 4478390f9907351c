"""The outbox: webhook calls that are owed, kept until they are delivered or given up."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Clock, Instant
from forebay.store.database import Database, Tx
from forebay.store.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One owed call. `token` is sealed; `answer` is the body to send."""

    id: str
    request_id: str
    url: str
    token: bytes | None
    attempt: int
    answer: bytes


class Deliveries:
    """The outbox in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, *, limit: int) -> list[Delivery]:
        """Return deliveries whose time has come, the longest due first."""
        rows = await self._database.read("list_due_deliveries", now=self._clock.now(), limit=limit)
        return [record(row, Delivery) for row in rows]

    async def next_at(self, *, after: Instant) -> Instant | None:
        """Return when, after this instant, a delivery is due next."""
        (row,) = await self._database.read("next_delivery_at", after=after)
        next_at = row["next_at"]
        return Instant(next_at) if isinstance(next_at, int) else None

    async def record(self, delivery_id: str, *, next_at: Instant | None, error: str | None) -> None:
        """Note one try: delivered when there is no error, else due again, or given up."""
        delivered_at = self._clock.now() if error is None else None

        async def note(tx: Tx) -> None:
            await tx.run(
                "record_delivery",
                id=delivery_id,
                next_at=next_at,
                delivered_at=delivered_at,
                last_error=error,
            )

        await self._database.write(note)
