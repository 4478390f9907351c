"""The schema in PostgreSQL: brought forward by whoever comes first, while the others wait."""

from __future__ import annotations

from forebay.store.postgres_connection import (
    CLOSE_S,
    DATABASE_ERRORS,
    Connection,
    DatabaseUnusable,
    connect,
)
from forebay.store.queries import POSTGRES, load_migrations

LOCK = 0x464F5245424159  # FOREBAY
WAIT = "60s"  # for another process that is at it


async def migrate(url: str) -> None:
    """Bring the schema up to date, all at once or not at all; raises `DatabaseUnusable`."""
    unlimited = {"statement_timeout": "0", "lock_timeout": WAIT}
    connection = await connect(url, answer_s=None, settings=unlimited)
    try:
        async with connection.transaction():
            await _migrate(connection, url)
    except DATABASE_ERRORS as error:
        raise DatabaseUnusable(url, f"its schema cannot be brought up to date: {error}") from None
    finally:
        await connection.close(timeout=CLOSE_S)


async def _migrate(connection: Connection, url: str) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
    version = await connection.fetchval("SELECT version FROM schema_version")
    if version is None:
        version = 0
        await connection.execute("INSERT INTO schema_version VALUES (0)")
    scripts = load_migrations(POSTGRES)
    if version > len(scripts):
        raise DatabaseUnusable(url, "a newer version of forebay has changed its schema")
    for number, script in enumerate(scripts[version:], start=version + 1):
        await connection.execute(script)
        await connection.execute("UPDATE schema_version SET version = $1", number)
