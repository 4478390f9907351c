"""The kept events of streamed background responses: in small groups, each number once.

Only who holds the request's lease appends, and what ends a request without one (cancel, expire)
appends the last event in the transaction that ends it. A reader shows nothing that is not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant
from forebay.core.errors import LeaseLost
from forebay.store.database import Database, Tx
from forebay.store.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroup:
    """Some events that follow each other: `events` holds one whole server-sent event a number."""

    first_number: int
    last_number: int
    events: bytes


class Events:
    """The kept events in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, request_id: str, lease_id: str, group: EventGroup) -> None:
        """Keep a group; raises `LeaseLost` and keeps nothing for who does not hold the lease.

        When it is not known whether a group was kept, it may be kept again, with more behind it.
        """

        async def append(tx: Tx) -> None:
            rows = await tx.run(
                "append_events_of_holder",
                request_id=request_id,
                lease_id=lease_id,
                first_number=group.first_number,
                last_number=group.last_number,
                events=group.events,
            )
            if not rows:
                raise LeaseLost(f"the lease on {request_id} was lost")

        await self._database.write(append)

    async def following(self, request_id: str, *, number: int, limit: int) -> list[EventGroup]:
        """Return the groups with events behind that number, in their order."""
        rows = await self._database.read(
            "list_events", request_id=request_id, number=number, limit=limit
        )
        return [record(row, EventGroup) for row in rows]

    async def forget(self, *, finished_before: Instant) -> int:
        """Forget the events of some requests that ended before this instant; returns how many."""

        async def forget(tx: Tx) -> int:
            forgotten = await tx.run("forget_events", finished_before=finished_before)
            for row in forgotten:
                await tx.run("delete_events", request_id=row["id"])
            return len(forgotten)

        return await self._database.write(forget)


async def append_events(tx: Tx, request_id: str, group: EventGroup) -> None:
    """Keep a group inside a transaction that makes sure of the right to do so."""
    await tx.run(
        "append_events",
        request_id=request_id,
        first_number=group.first_number,
        last_number=group.last_number,
        events=group.events,
    )


async def next_number(tx: Tx, request_id: str) -> int:
    """Return the number that the next event of this stream gets."""
    rows = await tx.run("last_event_number", request_id=request_id)
    last = rows[0]["last_number"] if rows else -1
    assert isinstance(last, int)
    return last + 1
