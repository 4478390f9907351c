"""Leases on requests, segments and idempotency keys: renewed, voided at start, reaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forebay.core.clock import Clock, Instant
from forebay.dialects.wire import encode
from forebay.store.database import Database, Row, Tx
from forebay.store.records import Urgency, urgency
from forebay.store.signals import Signals, Topic, queued_subject


class Leases:
    """The leases in a database."""

    def __init__(self, database: Database, *, clock: Clock, signals: Signals) -> None:
        self._database = database
        self._clock = clock
        self._signals = signals

    async def renew(self, progress: Mapping[str, int], *, until: Instant) -> set[str]:
        """Extend these leases; returns those that still live.

        With each there are the output tokens that its work has given so far, which are noted.
        """
        ids = encode(list(progress)).decode()

        async def renew(tx: Tx) -> set[str]:
            rows: list[Row] = []
            rows += await tx.run(
                "renew_request_leases", progress=encode(progress).decode(), lease_expires_at=until
            )
            for query in ("renew_segment_leases", "renew_reservation_leases"):
                rows += await tx.run(query, lease_ids=ids, lease_expires_at=until)
            return {str(row["lease_id"]) for row in rows}

        return await self._database.write(renew)

    async def void_all(self) -> int:
        """Take back every lease there is: for a server that has just taken the data directory."""

        async def void(tx: Tx) -> int:
            requests = await tx.run("void_request_leases")
            segments = await tx.run("void_segment_leases")
            # A key whose lease is over needs no reaping: whoever wants it takes it.
            reservations = await tx.run("void_reservation_leases")
            return len(requests) + len(segments) + len(reservations)

        return await self._database.write(void)

    async def void_of(self, models: Iterable[str]) -> None:
        """Take back every lease on work of these models: who had them is dead, or as good as."""
        names = sorted(models)
        if not names:
            return

        async def void(tx: Tx) -> None:
            for model in names:
                await tx.run("void_request_leases_of_model", model=model)
                await tx.run("void_segment_leases_of_model", model=model)

        await self._database.write(void)

    async def reap(self) -> int:
        """Take back the leases that ran out, and tell who may run that work; returns how many."""
        now = self._clock.now()

        async def reap(tx: Tx) -> tuple[list[Row], list[Row]]:
            return await tx.run("reap_requests", now=now), await tx.run("reap_segments", now=now)

        requests, segments = await self._database.write(reap)
        first: dict[str, Urgency] = {}
        for row in requests:
            model, place = str(row["model"]), urgency(row)
            first[model] = min(place, first.get(model, place))
        for model, place in first.items():
            self._signals.send(Topic.QUEUED, queued_subject(model, place))
        if segments:
            self._signals.send(Topic.BATCHES)
        return len(requests) + len(segments)
