"""PostgreSQL: one connection writes, a few others read. Several processes may share the database.

The committer takes whatever gathered while its last commit ran and commits it as one transaction,
so nothing waits for a timer. After a lost connection nobody knows whether the last group was
committed: what it holds fails, and the next group connects anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TypeVar, cast

from forebay.store.database import Operation, Row, StoreFailed, Value
from forebay.store.postgres_commit import Append, Work, Write, commit, tell
from forebay.store.postgres_connection import CLOSE_S, Connection, check, connect
from forebay.store.postgres_migrations import migrate
from forebay.store.postgres_readers import PostgresReaders
from forebay.store.queries import POSTGRES, load_queries

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_GROUP = 1024


class PostgresDatabase:
    """A `Database`. Used on the event loop that opened it."""

    def __init__(self, url: str, writing: Connection) -> None:
        self._url = url
        self._queries = load_queries(POSTGRES)
        self._writing = writing
        self._readers = PostgresReaders(url)
        self._inbox: deque[Work] = deque()
        self._arrived = asyncio.Event()
        self._is_away = False
        self._is_closed = False
        self._committer = asyncio.create_task(self._write_groups(), name="forebay-postgres-write")

    @classmethod
    async def open(cls, url: str) -> PostgresDatabase:
        """Connect, and bring the schema up to date; raises `DatabaseUnusable`."""
        writing = await connect(url)
        try:
            await check(writing, url)
            await migrate(url)
        except BaseException:
            writing.terminate()
            raise
        return cls(url, writing)

    async def write(self, operation: Operation[T]) -> T:
        """Run the operation in a transaction; raises what it raises, or `StoreFailed`."""
        waiting: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._put(Write(cast("Operation[object]", operation), waiting))
        return cast(T, await waiting)

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        """Insert one row by the insert of that name; rows that gather are inserted together."""
        waiting: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._put(Append(query, row, waiting))
        await waiting

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        """Run a query that changes nothing."""
        if self._is_closed:
            raise StoreFailed("the database is closed")
        return await self._readers.read(self._queries[query], values)

    async def close(self) -> None:
        """Finish what was taken on, then close."""
        if self._is_closed:
            return
        self._is_closed = True
        self._arrived.set()
        await asyncio.wait([self._committer])
        await self._readers.close()
        if not self._writing.is_closed():
            await self._writing.close(timeout=CLOSE_S)

    def _put(self, work: Work) -> None:
        if self._is_closed or self._committer.done():
            raise StoreFailed("the database is closed")
        self._inbox.append(work)
        self._arrived.set()

    async def _write_groups(self) -> None:
        while self._inbox or not self._is_closed:
            await self._arrived.wait()
            self._arrived.clear()
            while self._inbox:
                count = min(MAX_GROUP, len(self._inbox))
                await self._write_group([self._inbox.popleft() for _ in range(count)])

    async def _write_group(self, group: list[Work]) -> None:
        try:
            if self._writing.is_closed():
                self._writing = await connect(self._url)
            await commit(self._writing, self._queries, group)
        except Exception as error:
            # Whatever it is, this task must live on: it is the only one that writes.
            self._fail(group, error)
        except BaseException as error:
            self._fail([*group, *self._inbox], error)  # the process ends; nobody is left waiting
            raise
        else:
            self._note(is_away=False)

    def _fail(self, group: list[Work], error: BaseException) -> None:
        self._writing.terminate()
        self._note(is_away=True, reason=str(error))
        for work in group:
            tell(work, error=StoreFailed(f"the database did not commit: {error}"))

    def _note(self, *, is_away: bool, reason: str = "") -> None:
        """Log a loss once, not for every group that meets it."""
        if is_away and not self._is_away:
            log.error("database lost", extra={"reason": reason})
        elif self._is_away and not is_away:
            log.warning("database back")
        self._is_away = is_away
