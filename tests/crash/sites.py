"""Where servers run that are killed: one with a database of its own, or two that share one.

The one with SQLite is started again after its end. Of the two with PostgreSQL, the first controls
the model, and the second is there when it dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from typing import Protocol

import aiohttp

from forebay.wiring.data_directory import DATABASE_FILE
from tests.crash.callers import POLL_S, Callers, write_config
from tests.crash.kept import Row, rows_of
from tests.crash.rote_engine import RoteEngine
from tests.postgres_server import PostgresServer, connected
from tests.server_process import KEY, ServerProcess

LEASE_S = 5.0
ENVIRON = {"FOREBAY_API_KEY": KEY, "FOREBAY_WEBHOOK_NETWORKS": "127.0.0.0/8"}


class Site(Protocol):
    """Servers, and callers of the one that runs what is asked."""

    callers: Callers

    @property
    def other(self) -> ServerProcess | None:
        """Another server on the same database, if there is one."""
        ...

    async def rows(self, query: str) -> list[Row]:
        """Return the rows of a query of the database."""
        ...

    async def change(self, *statements: str) -> None:
        """Run statements that change the database."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Have no other server do anything in the block."""
        ...

    def settling_held(self) -> AbstractAsyncContextManager[None]:
        """Let nobody settle anything in the block."""
        ...

    async def until_settling(self) -> None:
        """Return once somebody has tried to settle in vain."""
        ...

    def kill(self) -> None:
        """Kill the server that runs what is asked."""
        ...

    async def go_on(self) -> None:
        """Have the callers call a server that goes on."""
        ...

    async def outwait_webhook_leases(self) -> None:
        """Make it be a minute later for the calls of webhooks that a dead server had begun."""
        ...


class SqliteSite:
    """One server, with SQLite."""

    other: ServerProcess | None = None

    def __init__(self, callers: Callers) -> None:
        self.callers = callers

    async def rows(self, query: str) -> list[Row]:
        return rows_of(self.callers.server.data_dir, query)

    async def change(self, *statements: str) -> None:
        path = self.callers.server.data_dir / DATABASE_FILE
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()

    @asynccontextmanager
    async def settling_held(self) -> AsyncIterator[None]:
        path = self.callers.server.data_dir / DATABASE_FILE
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    async def until_settling(self) -> None:
        # The server's own wait for the lock is short; it logs that, and tries again.
        await until_logged(self.callers.server, "group commit failed")

    def kill(self) -> None:
        self.callers.kill_server()

    async def go_on(self) -> None:
        await self.callers.start_server()

    async def outwait_webhook_leases(self) -> None:
        """Nothing is to be waited for: a starting server knows that no other one is alive."""


class PostgresSite:
    """Two servers on one PostgreSQL; the first controls the model."""

    def __init__(self, callers: Callers, other: ServerProcess, url: str) -> None:
        self.callers = callers
        self.other: ServerProcess | None = other
        self.url = url

    async def rows(self, query: str) -> list[Row]:
        async with connected(self.url) as connection:
            return [dict(row) for row in await connection.fetch(query)]

    async def change(self, *statements: str) -> None:
        async with connected(self.url) as connection:
            for statement in statements:
                await connection.execute(statement)

    def alone(self) -> AbstractContextManager[None]:
        assert self.other is not None
        return standing_still(self.other)

    @asynccontextmanager
    async def settling_held(self) -> AsyncIterator[None]:
        async with connected(self.url) as connection, connection.transaction():
            # Only who settles writes here: leases are renewed, and events kept, all the same.
            await connection.execute("LOCK TABLE ledger_entry IN SHARE MODE")
            yield
            # The database has not noticed yet that its client is dead.
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS dead")

    async def until_settling(self) -> None:
        await until_there(self, WAITING)

    def kill(self) -> None:
        self.callers.kill_server()

    async def go_on(self) -> None:
        assert self.other is not None
        self.callers.server, self.other = self.other, None
        self.callers.is_up.set()

    async def outwait_webhook_leases(self) -> None:
        async with connected(self.url) as connection:
            await connection.execute(
                "UPDATE delivery SET next_at = next_at - 60000 WHERE is_leased = 1"
            )
            # The timer of who waits for that has begun already.
            await connection.execute("""SELECT pg_notify('forebay', '[["owed", ""]]')""")


WAITING = "SELECT pid FROM pg_locks WHERE relation = 'ledger_entry'::regclass AND NOT granted"


@asynccontextmanager
async def sqlite_site(
    folder: Path,
    engine: RoteEngine,
    *,
    slots: int,
    config: Path | None = None,
    environ: Mapping[str, str] = {},
) -> AsyncIterator[SqliteSite]:
    """Run one server in front of the engine, with the usual settings unless others are given."""
    config = config or write_config(folder, engine, slots=slots)
    server = ServerProcess(folder, "--config", str(config), environ={**ENVIRON, **environ})
    async with aiohttp.ClientSession() as http:
        callers = Callers(server, http)
        try:
            await callers.start_server()
            yield SqliteSite(callers)
        finally:
            await asyncio.to_thread(server.end)


@asynccontextmanager
async def postgres_site(
    folder: Path,
    engine: RoteEngine,
    postgres: PostgresServer,
    *,
    slots: int,
    config: Path | None = None,
    environ: Mapping[str, str] = {},
    is_apart: bool = False,
) -> AsyncIterator[PostgresSite]:
    """Run two servers in front of the engine, the first of which has the control of all models.

    If they are apart, each has a data directory of its own.
    """
    url = await postgres.lend()
    config = config or write_config(folder, engine, slots=slots)
    first, second = _pair(folder, config, url, environ=environ, is_apart=is_apart)
    async with aiohttp.ClientSession() as http:
        callers = Callers(first, http)
        try:
            await callers.start_server()
            await until_logged(first, "control taken duty=*")
            await until_logged(first, "control taken duty=lab/")
            await asyncio.to_thread(second.start)
            yield PostgresSite(callers, second, url)
        finally:
            for server in (first, second):
                await asyncio.to_thread(server.end)
            await postgres.take_back(url)


def _pair(
    folder: Path, config: Path, url: str, *, environ: Mapping[str, str], is_apart: bool
) -> list[ServerProcess]:
    shared = {"FOREBAY_DATABASE_URL": url, "FOREBAY_LEASE_S": str(LEASE_S)}
    servers = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        servers.append(
            ServerProcess(
                folder / name,
                *("--config", str(config)),
                environ={**ENVIRON, **shared, **environ},
                data_dir=None if is_apart else folder / "data",
            )
        )
    return servers


@contextmanager
def standing_still(server: ServerProcess) -> Iterator[None]:
    """Have a server do nothing at all in the block."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def until_logged(server: ServerProcess, *texts: str) -> None:
    """Return once the server has logged one of these."""
    while True:
        if any(text in server.log() for text in texts):
            return
        await asyncio.sleep(POLL_S)


async def until_there(site: Site, query: str) -> list[Row]:
    """Return the rows of a query once there are any."""
    while True:
        if rows := await site.rows(query):
            return rows
        await asyncio.sleep(POLL_S)
