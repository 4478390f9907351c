"""Leases on requests and segments: renewed together, voided at start, reaped when they run out."""

from __future__ import annotations

from forebay.core.clock import Clock, Instant
from forebay.dialects.wire import encode
from forebay.store.database import Database, Row, Tx


class Leases:
    """The leases in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def renew(self, lease_ids: list[str], *, until: Instant) -> set[str]:
        """Extend these leases; returns those that still live."""
        ids = encode(lease_ids).decode()

        async def renew(tx: Tx) -> set[str]:
            rows: list[Row] = []
            for query in ("renew_request_leases", "renew_segment_leases"):
                rows += await tx.run(query, lease_ids=ids, lease_expires_at=until)
            return {str(row["lease_id"]) for row in rows}

        return await self._database.write(renew)

    async def void_all(self) -> int:
        """Take back every lease there is: for a server that has just taken the data directory."""

        async def void(tx: Tx) -> int:
            requests = await tx.run("void_request_leases")
            segments = await tx.run("void_segment_leases")
            return len(requests) + len(segments)

        return await self._database.write(void)

    async def reap(self) -> int:
        """Take back the leases that ran out; returns how many."""
        now = self._clock.now()

        async def reap(tx: Tx) -> int:
            requests = await tx.run("reap_requests", now=now)
            segments = await tx.run("reap_segments", now=now)
            return len(requests) + len(segments)

        return await self._database.write(reap)
