"""The group commit of PostgreSQL: what gathered, as one transaction on one connection.

When a part of a group fails, all of it is undone, and it runs again without that part, which then
runs by itself: nobody suffers for another, and nobody's failure is told before it is certain.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from forebay.store.database import Operation, Row, StoreFailed, Value
from forebay.store.postgres_connection import Connection, as_store_failed
from forebay.store.queries import Query

MAX_TOGETHER = 64  # rows in one insert; each count is a statement of its own, kept prepared
MAX_REPEATS = 3  # of a group, without what failed; after that each runs by itself
MAX_TRIES = 3  # of what gets into the way of another process

IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An operation, and who waits for it."""

    operation: Operation[object]
    waiting: asyncio.Future[object]


@dataclass(frozen=True, slots=True, eq=False)
class Append:
    """A row for an insert, and who waits for it."""

    query: str
    row: tuple[Value, ...]
    waiting: asyncio.Future[object]


Work = Write | Append


class ConnectionLost(Exception):
    """The connection broke, and what was in its transaction may be committed or not."""


class _Spoiled(Exception):
    """A transaction was undone, because these parts of it failed."""

    def __init__(self, works: Sequence[Work]) -> None:
        super().__init__(f"{len(works)} failed")
        self.works = works


async def commit(
    connection: Connection, queries: Mapping[str, Query], works: Sequence[Work]
) -> None:
    """Do the works and tell everybody who waits, each once it is certain.

    Raises `ConnectionLost`, with those not told whose work may or may not be committed.
    """
    group = _Group(connection, queries)
    apart: list[Work] = []
    for _ in range(1 + MAX_REPEATS):
        if not works or (len(works) == 1 and isinstance(works[0], Write)):
            break
        try:
            await group.together(works)
            works = []
        except _Spoiled as spoiled:
            apart += spoiled.works
            works = [work for work in works if work not in spoiled.works]
    for work in (*works, *apart):
        await group.alone(work)


def tell(work: Work, *, result: object = None, error: Exception | None = None) -> None:
    """Let go on who waits; if that one has gone, the work is kept all the same."""
    if work.waiting.done():
        return
    if error is None:
        work.waiting.set_result(result)
    else:
        work.waiting.set_exception(error)


class _Group:
    def __init__(self, connection: Connection, queries: Mapping[str, Query]) -> None:
        self._connection = connection
        self._queries = queries

    async def together(self, works: Sequence[Work]) -> None:
        """Commit all, or raise `_Spoiled` having changed nothing."""
        appends = [work for work in works if isinstance(work, Append)]
        names = {append.query for append in appends}
        if len(appends) == len(works) <= MAX_TOGETHER and len(names) == 1:
            # The usual case of realtime: a statement by itself is a transaction.
            results = await self._at_once(appends)
        else:
            results = await self._in_transaction(works, appends)
        for work in works:
            tell(work, result=results.get(work))

    async def alone(self, work: Work) -> None:
        """Commit one work, or tell its failure, which then has changed nothing."""
        for is_last in (*[False] * (MAX_TRIES - 1), True):
            try:
                results = await self._in_transaction(
                    [work], [work] if isinstance(work, Append) else []
                )
            except _Spoiled as spoiled:
                error = spoiled.__cause__
                assert isinstance(error, Exception)
                if is_last or not isinstance(error, IN_THE_WAY):
                    tell(work, error=as_store_failed(error))
                    return
            else:
                tell(work, result=results.get(work))
                return

    async def _at_once(self, appends: Sequence[Append]) -> dict[Work, object]:
        try:
            await self._insert(appends)
        except Exception as error:
            self._raise_if_lost(error)
            raise _Spoiled(appends) from error
        return {}

    async def _in_transaction(
        self, works: Sequence[Work], appends: Sequence[Append]
    ) -> dict[Work, object]:
        results: dict[Work, object] = {}
        running = works
        try:
            await self._connection.execute("BEGIN")
            tx = _PostgresTx(self._connection, self._queries)
            for work in works:
                if isinstance(work, Write):
                    running = [work]
                    results[work] = await work.operation(tx)
            for part in _parts(appends):
                running = part
                await self._insert(part)
            running = works
            await self._end()
        except Exception as error:
            await self._undo(error)
            raise _Spoiled(running) from error
        return results

    async def _insert(self, appends: Sequence[Append]) -> None:
        query = self._queries[appends[0].query]
        values = [value for append in appends for value in append.row]
        await self._connection.execute(query.repeated(len(appends)), *values)

    async def _end(self) -> None:
        try:
            ended = await self._connection.execute("COMMIT")
        except asyncpg.PostgresError:
            raise
        except Exception as error:
            raise ConnectionLost(f"no answer to a commit: {error}") from error
        if ended != "COMMIT":
            raise StoreFailed("the database undid it: an operation went on after an error")

    async def _undo(self, error: Exception) -> None:
        self._raise_if_lost(error)
        try:
            await self._connection.execute("ROLLBACK")
        except Exception:
            raise ConnectionLost(str(error) or type(error).__name__) from error

    def _raise_if_lost(self, error: Exception) -> None:
        if isinstance(error, ConnectionLost):
            raise error
        # A standby that takes no writes is a lost primary, too.
        is_lost = isinstance(error, OSError | TimeoutError | asyncpg.ReadOnlySQLTransactionError)
        if is_lost or self._connection.is_closed():
            raise ConnectionLost(str(error) or type(error).__name__) from error


class _PostgresTx:
    """A `Tx` whose queries run on the connection that holds the transaction."""

    def __init__(self, connection: Connection, queries: Mapping[str, Query]) -> None:
        self._connection = connection
        self._queries = queries

    async def run(self, query: str, /, **values: Value) -> list[Row]:
        found = self._queries[query]
        rows = await self._connection.fetch(found.text, *found.arguments(values))
        return [dict(row) for row in rows]


def _parts(appends: Sequence[Append]) -> list[Sequence[Append]]:
    """Return the rows that go in by one statement each."""
    ordered = sorted(appends, key=lambda append: append.query)
    return [
        rows[start : start + MAX_TOGETHER]
        for _, same in itertools.groupby(ordered, lambda append: append.query)
        for rows in [list(same)]
        for start in range(0, len(rows), MAX_TOGETHER)
    ]
