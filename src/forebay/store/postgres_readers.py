"""The connections to PostgreSQL that read: a few, opened when they are first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

from forebay.store.database import Row, StoreFailed, Value
from forebay.store.postgres_connection import (
    CLOSE_S,
    DATABASE_ERRORS,
    Connection,
    DatabaseUnusable,
    as_store_failed,
    connect,
)
from forebay.store.queries import Query

COUNT = 4
WAIT_S = 30.0  # for one of them to be free


class PostgresReaders:
    """Up to `COUNT` connections on which nothing can be changed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free = asyncio.Semaphore(COUNT)
        self._idle: list[Connection] = []

    async def read(self, query: Query, values: Mapping[str, Value]) -> list[Row]:
        """Return the rows of a query; raises `StoreFailed`."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        except TimeoutError:
            raise StoreFailed("the database has too much to read") from None
        try:
            return await self._read(query, values)
        except (*DATABASE_ERRORS, DatabaseUnusable) as error:
            raise as_store_failed(error) from error
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close the connections; nobody may be reading."""
        for connection in self._idle:
            await connection.close(timeout=CLOSE_S)

    async def _read(self, query: Query, values: Mapping[str, Value]) -> list[Row]:
        connection = await self._connection()
        try:
            rows = await connection.fetch(query.text, *query.arguments(values))
        except asyncpg.PostgresError:
            self._idle.append(connection)
            raise
        except BaseException:
            # Cancelled or cut off: what it would answer next is anybody's guess.
            connection.terminate()
            raise
        self._idle.append(connection)
        return [dict(row) for row in rows]

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await connect(self._url, settings={"default_transaction_read_only": "on"})
