"""The log of deliveries to webhook endpoints: what was tried, and the wish to have it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from forebay.core.clock import Clock
from forebay.core.webhooks import Attempt, LoggedDelivery
from forebay.store.database import Database, Row, Tx
from forebay.store.deliveries import Delivery, log_attempt
from forebay.store.records import record


class DeliveryLog:
    """The deliveries in a database, as the owners of endpoints see them."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(
        self, endpoint_id: str, *, after: str | None, limit: int
    ) -> list[LoggedDelivery]:
        """Return the endpoint's deliveries, newest first, that come after the one `after`."""
        rows = await self._database.read(
            "list_deliveries", endpoint_id=endpoint_id, after=after, limit=limit
        )
        return await self._with_attempts(endpoint_id, rows)

    async def get(self, endpoint_id: str, delivery_id: str) -> LoggedDelivery | None:
        """Return the endpoint's delivery of that id."""
        rows = await self._database.read("get_delivery", id=delivery_id, endpoint_id=endpoint_id)
        found = await self._with_attempts(endpoint_id, rows)
        return found[0] if found else None

    async def redeliver(self, endpoint_id: str, delivery_id: str) -> bool:
        """Make a delivery due now, with all its tries before it, under the same event's id.

        Returns False, and changes nothing, when it is not there, or is being delivered just now.
        """
        now = self._clock.now()

        async def redeliver(tx: Tx) -> bool:
            rows = await tx.run("redeliver", id=delivery_id, endpoint_id=endpoint_id, now=now)
            return bool(rows)

        return await self._database.write(redeliver)

    async def add_tested(self, delivery: Delivery, attempt: Attempt) -> None:
        """Keep a delivery that was tried once, to test its endpoint, and is owed no more."""
        is_delivered = attempt.error is None
        delivered_at = self._clock.now() if is_delivered else None

        async def add(tx: Tx) -> None:
            await tx.run(
                "add_tested_delivery",
                id=delivery.id,
                event_id=delivery.event_id,
                event_type=delivery.event_type.value,
                subject_id=delivery.subject_id,
                endpoint_id=delivery.endpoint_id,
                receiver=delivery.receiver,
                failures=0 if is_delivered else 1,
                created_at=delivery.created_at,
                delivered_at=delivered_at,
            )
            await log_attempt(tx, delivery.id, attempt)

        await self._database.write(add)

    async def _with_attempts(self, endpoint_id: str, rows: list[Row]) -> list[LoggedDelivery]:
        if not rows:
            return []
        ids = [str(row["id"]) for row in rows]
        attempts = _by_delivery(
            await self._database.read(
                "list_delivery_attempts",
                endpoint_id=endpoint_id,
                first_id=min(ids),
                last_id=max(ids),
            )
        )
        return [
            record({**row, "attempts": attempts[str(row["id"])]}, LoggedDelivery) for row in rows
        ]


def _by_delivery(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["delivery_id"])].append(row)
    return found
