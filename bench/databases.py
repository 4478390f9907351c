"""The databases that Forebay keeps its work in, and what the benchmark asks them past it.

What was kept is read from the database itself, so that the figures need not believe the server.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from bench.memory import SharedOutMemory
from bench.postgres import serve_postgres
from bench.process import CommandFailed

_CHARGES = "SELECT count(*) FROM ledger_entry WHERE kind = 'charge'"
_ENDED_ONCE = (
    "SELECT count(*) FROM request WHERE lane = 'background' AND status = 'completed'"
    " AND attempt = 1"
)
_BATCH_CHARGES = "SELECT count(*) FROM ledger_entry WHERE kind = 'charge' AND lane = 'batch'"
_BATCH_TOKENS = (
    "SELECT CAST(COALESCE(sum(input_tokens + output_tokens), 0) AS BIGINT) FROM ledger_entry"
    " WHERE kind = 'charge' AND lane = 'batch'"
)
_OUTPUT_CHUNKS = "SELECT count(*) FROM chunk WHERE kind = 'output'"
_KEPT = "SELECT count(*) FROM request WHERE lane = 'background'"


class Database(Protocol):
    """A database of Forebay's, and another one for the bare server."""

    @property
    def name(self) -> str:
        """As it is shown."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that make Forebay use it."""
        ...

    @property
    def bare_flags(self) -> Sequence[str]:
        """What makes the bare server use it."""
        ...

    @property
    def memory(self) -> SharedOutMemory | None:
        """That of a server of its own."""
        ...

    async def run(self, sql: str) -> int | None:
        """Run a statement in Forebay's database, and give its first value, if there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the database holds of the background: `ended_once` were completed at their first try."""

    requests: int
    ended_once: int
    charges: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLedger:
    """What the ledger says of batches: one charge for each chunk of output, and all tokens."""

    charges: int
    chunks: int
    tokens: int


async def kept(database: Database) -> Kept:
    """Count what is there."""
    return Kept(
        requests=await database.run(_KEPT) or 0,
        ended_once=await database.run(_ENDED_ONCE) or 0,
        charges=await charges(database),
    )


async def charges(database: Database) -> int:
    """Count the charges of all lanes; quick, so that it may be asked again and again."""
    return await database.run(_CHARGES) or 0


async def batch_ledger(database: Database) -> BatchLedger:
    """Add up what all batches were charged."""
    return BatchLedger(
        charges=await database.run(_BATCH_CHARGES) or 0,
        chunks=await database.run(_OUTPUT_CHUNKS) or 0,
        tokens=await database.run(_BATCH_TOKENS) or 0,
    )


async def add_project(database: Database, project_id: str) -> None:
    """Make a project, which no command and no route does."""
    # The id is the benchmark's own, and needs no quoting.
    await database.run(f"INSERT INTO project VALUES ('{project_id}', '{project_id}', 0)")


def opened(name: str, folder: Path) -> AbstractAsyncContextManager[Database]:
    """Serve the database of that name while the block runs; its files are in the folder."""
    return _sqlite(folder) if name == SQLITE else _postgres(folder)


SQLITE = "sqlite"
POSTGRES = "postgres"


class _Sqlite:
    """The file that Forebay makes when it is told nothing."""

    name = "SQLite"
    memory = None

    def __init__(self, folder: Path) -> None:
        self._file = folder / "measured" / "store" / "forebay.sqlite"
        self.environment: dict[str, str] = {}
        self.bare_flags = ["--sqlite", str(folder / "bare.sqlite")]

    async def run(self, sql: str) -> int | None:
        return await asyncio.to_thread(self._run, sql)

    def _run(self, sql: str) -> int | None:
        try:
            with closing(sqlite3.connect(self._file, timeout=10)) as db, db:
                row = db.execute(sql).fetchone()
        except sqlite3.Error as error:
            raise CommandFailed(f"{self._file} did not answer: {error}") from error
        return None if row is None or row[0] is None else int(row[0])


class _Postgres:
    name = "PostgreSQL"

    def __init__(self, url: str, bare_url: str, pid: int, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.environment = {"FOREBAY_DATABASE_URL": url}
        self.bare_flags = ["--postgres", bare_url]
        self.memory = SharedOutMemory(pid)

    async def run(self, sql: str) -> int | None:
        try:
            value: int | None = await self._connection.fetchval(sql)
        except asyncpg.PostgresError as error:
            raise CommandFailed(f"PostgreSQL did not answer: {error}") from error
        return value


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Database]:
    yield _Sqlite(folder)


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[Database]:
    async with serve_postgres(folder) as server:
        url, bare_url = await server.create("forebay"), await server.create("bare")
        connection = await asyncpg.connect(url)
        try:
            yield _Postgres(url, bare_url, server.pid, connection)
        finally:
            await connection.close()
