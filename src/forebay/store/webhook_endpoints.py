"""Webhook endpoints: the URLs that projects registered to be told of events."""

from __future__ import annotations

import msgspec

from forebay.core.clock import Clock, Instant
from forebay.core.webhooks import EventType, WebhookEndpoint, receiver_of
from forebay.dialects.wire import encode
from forebay.store.database import Database, Operation, Row, Tx
from forebay.store.records import record

LATEST = Instant(2**62)


class WebhookEndpoints:
    """The webhook endpoints in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(
        self,
        endpoint_id: str,
        project_id: str,
        *,
        name: str,
        url: str,
        event_types: tuple[EventType, ...],
        secret: bytes,
        secret_hint: str,
        most: int,
        first: Operation[None] | None = None,
    ) -> WebhookEndpoint | None:
        """Keep a new endpoint; returns None when the project has as many as it may have.

        `first` runs in the same transaction, and keeps it from happening by raising.
        """
        now = self._clock.now()

        async def add(tx: Tx) -> list[Row]:
            rows = await tx.run(
                "add_webhook_endpoint",
                id=endpoint_id,
                project_id=project_id,
                name=name,
                url=url,
                receiver=receiver_of(url),
                event_types=_listed(event_types),
                secret=secret,
                secret_hint=secret_hint,
                now=now,
                most=most,
            )
            if rows and first is not None:
                await first(tx)
            return rows

        return _first(await self._database.write(add))

    async def get(self, project_id: str, endpoint_id: str) -> WebhookEndpoint | None:
        """Return the project's endpoint of that id."""
        return _first(
            await self._database.read("get_webhook_endpoint", id=endpoint_id, project_id=project_id)
        )

    async def page(
        self, project_id: str, *, after: str | None, limit: int
    ) -> list[WebhookEndpoint]:
        """Return the project's endpoints, newest first, that come after the endpoint `after`."""
        rows = await self._database.read(
            "list_webhook_endpoints", project_id=project_id, after=after, limit=limit
        )
        return [_endpoint(row) for row in rows]

    async def update(
        self,
        project_id: str,
        endpoint_id: str,
        *,
        name: str | None,
        url: str | None,
        event_types: tuple[EventType, ...] | None,
    ) -> WebhookEndpoint | None:
        """Change what is given, and end a disablement; returns None if there is no such endpoint.

        What is owed already goes to the new URL.
        """
        now = self._clock.now()
        receiver = None if url is None else receiver_of(url)

        async def update(tx: Tx) -> list[Row]:
            rows = await tx.run(
                "update_webhook_endpoint",
                id=endpoint_id,
                project_id=project_id,
                name=name,
                url=url,
                receiver=receiver,
                event_types=None if event_types is None else _listed(event_types),
                now=now,
            )
            if rows and receiver is not None:
                await tx.run("move_deliveries", endpoint_id=endpoint_id, receiver=receiver)
            return rows

        return _first(await self._database.write(update))

    async def rotate(
        self,
        project_id: str,
        endpoint_id: str,
        *,
        secret: bytes,
        secret_hint: str,
        keep_until: Instant | None,
    ) -> WebhookEndpoint | None:
        """Put a new secret in the place of the old, which signs, too, until `keep_until`.

        Those that were kept before sign until their own time is over; without `keep_until` the new
        one signs alone. Returns None if there is no such endpoint.
        """
        now = self._clock.now()

        async def rotate(tx: Tx) -> list[Row]:
            rows = await tx.run("begin_rotation", id=endpoint_id, project_id=project_id, now=now)
            if not rows:
                return []
            over = LATEST if keep_until is None else now
            await tx.run("forget_old_secrets", endpoint_id=endpoint_id, until=over)
            if keep_until is not None:
                old = rows[0]["secret"]
                await tx.run(
                    "add_old_secret", endpoint_id=endpoint_id, secret=old, until=keep_until
                )
            return await tx.run(
                "rotate_webhook_secret", id=endpoint_id, secret=secret, secret_hint=secret_hint
            )

        return _first(await self._database.write(rotate))

    async def old_secrets(self, endpoint_id: str) -> tuple[bytes, ...]:
        """Return the old secrets of an endpoint that still sign, the newest first."""
        rows = await self._database.read(
            "list_old_secrets", endpoint_id=endpoint_id, now=self._clock.now()
        )
        return tuple(secret for row in rows if isinstance(secret := row["secret"], bytes))

    async def delete(self, project_id: str, endpoint_id: str) -> bool:
        """Forget an endpoint with all its deliveries; returns False if there is no such one."""

        async def delete(tx: Tx) -> bool:
            rows = await tx.run("delete_webhook_endpoint", id=endpoint_id, project_id=project_id)
            return bool(rows)

        return await self._database.write(delete)


def _listed(event_types: tuple[EventType, ...]) -> str:
    # In one order, so that a change is told from the same types said otherwise.
    return encode([kind.value for kind in EventType if kind in event_types]).decode()


def _first(rows: list[Row]) -> WebhookEndpoint | None:
    return _endpoint(rows[0]) if rows else None


def _endpoint(row: Row) -> WebhookEndpoint:
    event_types = row["event_types"]
    assert isinstance(event_types, str)
    return record({**row, "event_types": msgspec.json.decode(event_types)}, WebhookEndpoint)
