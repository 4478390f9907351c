"""Connections to PostgreSQL: how they are opened, and what their errors mean.

Every wait on the server has a limit: its own limits come first, so that a statement that waits too
long fails alone, and the connection's are the net below them. Nothing said here tells a password.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg

from forebay.core.errors import ForebayError
from forebay.store.database import StoreFailed, TextRefused

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_S = 10.0
ANSWER_S = 30.0
CLOSE_S = 5.0
OLDEST_VERSION = 14

SETTINGS = {
    "application_name": "forebay",
    "jit": "off",  # statements are short; compiling them takes longer than running them
    "lock_timeout": "10s",
    "statement_timeout": "25s",
    # A process that stands still inside a transaction holds its rows no longer than this.
    "idle_in_transaction_session_timeout": "30s",
}

# A server may be set up to lose the last commits in a crash: not ours.
COMMIT_TO_DISK = """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""

# What the driver raises when the database does not do what it is asked.
DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class DatabaseUnusable(ForebayError):
    """The database cannot be reached, or is not one that can be used."""

    code = "database_unusable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the database {place_of(url)} cannot be used: {reason}")


def place_of(url: str) -> str:
    """Return host and name of the database, without who uses it and how."""
    rest = url.partition("://")[2]
    named = rest.partition("?")[0]
    if "@" in named:
        return named.rpartition("@")[2]
    # A password that is not quoted as it must be may end anywhere.
    return named if "@" not in rest else "of database_url"


async def connect(
    url: str, *, answer_s: float | None = ANSWER_S, settings: Mapping[str, str] = {}
) -> Connection:
    """Open a connection; raises `DatabaseUnusable`. A commit on it is on disk when it returns."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_S,
            command_timeout=answer_s,
            statement_cache_size=1024,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings={**SETTINGS, **settings},
        )
        try:
            await connection.execute(COMMIT_TO_DISK)
        except BaseException:
            connection.terminate()
            raise
    except (*DATABASE_ERRORS, ValueError) as error:
        raise DatabaseUnusable(url, _reason(error)) from None
    return connection


async def check(connection: Connection, url: str) -> None:
    """Raise `DatabaseUnusable` for a database in which our schema would not work."""
    version = connection.get_server_version().major
    if version < OLDEST_VERSION:
        raise DatabaseUnusable(
            url, f"it is PostgreSQL {version}, and {OLDEST_VERSION} is the oldest that will do"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise DatabaseUnusable(url, f"its encoding is {encoding}, and must be UTF8")


def as_store_failed(error: Exception) -> Exception:
    """Return what a caller of the store gets to see of an error."""
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        return TextRefused()
    if isinstance(error, DATABASE_ERRORS):
        return StoreFailed(f"the database refused it: {error or type(error).__name__}")
    if isinstance(error, DatabaseUnusable):
        return StoreFailed(str(error))
    return error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"it did not answer within {CONNECT_S:g} s"
    if isinstance(error, ValueError | asyncpg.InterfaceError):
        # The words of these quote from the URL.
        return (
            "database_url is not like postgresql://USER:PASSWORD@HOST:PORT/NAME, "
            "with each of @ : / ? # % in the password written as %40 and so on"
        )
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
