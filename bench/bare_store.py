"""The baseline of durable creates: each request is kept by a commit of its own, and nothing else.

The same server as Forebay's, without keys, rules or a queue: JSON is read, a row is written, and
JSON is answered once the row is on disk.
"""

import argparse
import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import asyncpg
import msgspec
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

_SQLITE_TABLE = "CREATE TABLE request (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT"
_POSTGRES_TABLE = "CREATE TABLE request (id TEXT PRIMARY KEY, body BYTEA NOT NULL)"


class Keeper(Protocol):
    """A database with one table."""

    async def open(self) -> None:
        """Make the table."""
        ...

    async def keep(self, request_id: str, body: bytes) -> None:
        """Write a row; it is on disk when this returns."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...


class SqliteKeeper:
    """One connection in a thread, as durable as Forebay's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1)

    async def open(self) -> None:
        self._db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(_SQLITE_TABLE)

    async def keep(self, request_id: str, body: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self._db.execute, "INSERT INTO request VALUES (?, ?)", (request_id, body)
        )

    async def close(self) -> None:
        self._thread.shutdown()
        self._db.close()


class PostgresKeeper:
    """A pool of asyncpg's usual size."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(self._url)
        await self._pool.execute(_POSTGRES_TABLE)

    async def keep(self, request_id: str, body: bytes) -> None:
        await self._pool.execute("INSERT INTO request VALUES ($1, $2)", request_id, body)

    async def close(self) -> None:
        await self._pool.close()


def bare_app(keeper: Keeper) -> ASGIApp:
    """Make the ASGI app; the database is open as long as it lives."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await keeper.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await keeper.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = await _body(receive)
        asked = msgspec.json.decode(body)
        request_id = f"resp_{uuid4().hex}"
        await keeper.keep(request_id, body)
        kept = msgspec.json.encode({**asked, "id": request_id, "status": "queued"})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(kept)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": kept})

    return app


async def _body(receive: Receive) -> bytes:
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
    return body


def main() -> None:
    """Serve until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_store")
    parser.add_argument("--port", type=int, required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sqlite", type=Path, metavar="FILE")
    where.add_argument("--postgres", metavar="URL")
    arguments = parser.parse_args()
    keeper = (
        PostgresKeeper(arguments.postgres) if arguments.postgres else SqliteKeeper(arguments.sqlite)
    )
    uvicorn.run(
        bare_app(keeper),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
