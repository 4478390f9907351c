"""Requests that are kept for their callers: what they continue, listing, metadata, deletion.

One that another continues is part of what the other says, so deleting it only hides it: it is gone
a while later, when nothing continues it any more. A turn that continues it may be running just now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebay.core.clock import Clock, Instant
from forebay.dialects.wire import encode
from forebay.store.database import Database, Row, Tx
from forebay.store.records import record, with_metadata
from forebay.store.request_records import RequestRecord, request_record


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An ended request without what was asked, which may be large."""

    id: str
    answer: bytes
    metadata: dict[str, str]


class StoredRequests:
    """The requests in a database, as those who made them come back to them."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, project_id: str, request_id: str) -> RequestRecord | None:
        """Return the project's request of that id, unless it is deleted."""
        rows = await self._database.read("get_request", id=request_id, project_id=project_id)
        return request_record(rows[0]) if rows else None

    async def chain(self, project_id: str, request_id: str) -> list[RequestRecord]:
        """Return the request and all that it continues, oldest first; empty if it is not there.

        Those that it continues are there after their deletion, too. The first one names a
        `previous_id` only if that was never kept, or not for long.
        """
        rows = await self._database.read("list_request_chain", id=request_id, project_id=project_id)
        return [request_record(row) for row in rows]

    async def is_chain_within(self, project_id: str, request_id: str, max_bytes: int) -> bool:
        """Tell whether `chain` is no larger than that, which is cheaper than to read it."""
        rows = await self._database.read(
            "size_request_chain", id=request_id, project_id=project_id, max_bytes=max_bytes
        )
        size_bytes = rows[0]["size_bytes"]
        assert isinstance(size_bytes, int)
        return size_bytes <= max_bytes

    async def page(
        self,
        project_id: str,
        dialect: str,
        *,
        model: str | None,
        metadata: Mapping[str, str],
        after: str | None,
        limit: int,
        is_oldest_first: bool,
    ) -> list[StoredAnswer]:
        """Return the project's ended requests that come after `after` in that order.

        They are of that dialect, and of that model if one is named, and have all these pairs.
        """
        rows = await self._database.read(
            "list_stored_requests_oldest_first"
            if is_oldest_first
            else "list_stored_requests_newest_first",
            project_id=project_id,
            dialect=dialect,
            model=model,
            metadata=encode(metadata).decode(),
            after=after,
            limit=limit,
        )
        return [_stored_answer(row) for row in rows]

    async def update(
        self, project_id: str, request_id: str, dialect: str, *, metadata: Mapping[str, str]
    ) -> StoredAnswer | None:
        """Put this metadata in the place of the old; returns None if there is no such request."""

        async def update(tx: Tx) -> list[Row]:
            return await tx.run(
                "update_request_metadata",
                id=request_id,
                project_id=project_id,
                dialect=dialect,
                metadata=encode(metadata).decode(),
            )

        rows = await self._database.write(update)
        return _stored_answer(rows[0]) if rows else None

    async def delete(self, project_id: str, request_id: str) -> bool:
        """Hide a request that has ended from its caller; its ledger entries stay."""
        now = self._clock.now()

        async def hide(tx: Tx) -> bool:
            rows = await tx.run("hide_request", id=request_id, project_id=project_id, now=now)
            if rows:
                await tx.run("forget_deliveries", request_id=request_id)
            return bool(rows)

        return await self._database.write(hide)

    async def delete_unstored(self, *, finished_before: Instant) -> int:
        """Forget some unstored ones that ended before this instant; returns how many."""

        async def delete(tx: Tx) -> int:
            rows = await tx.run("delete_unstored_requests", finished_before=finished_before)
            return len(rows)

        return await self._database.write(delete)

    async def prune(self, *, finished_before: Instant) -> int:
        """Hide some that ended before this instant, as if deleted; returns how many."""
        now = self._clock.now()

        async def hide(tx: Tx) -> int:
            return len(await tx.run("prune_requests", finished_before=finished_before, now=now))

        return await self._database.write(hide)

    async def delete_hidden(self, *, hidden_before: Instant) -> int:
        """Forget some deleted ones that nothing continues any more; returns how many."""

        async def delete(tx: Tx) -> int:
            return len(await tx.run("delete_hidden_requests", hidden_before=hidden_before))

        return await self._database.write(delete)


def _stored_answer(row: Row) -> StoredAnswer:
    return record(with_metadata(row), StoredAnswer)
