"""Opening a PostgreSQL database: the schema comes once, and what cannot be used is told plainly."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.postgres import PostgresDatabase
from forebay.store.postgres_connection import DatabaseUnusable, place_of
from forebay.store.queries import load_migrations
from tests.postgres_server import PostgresServer, connected

LATEST = len(load_migrations("postgres"))


async def version(url: str) -> int:
    """Return the number of the last migration that was run."""
    async with connected(url) as connection:
        (row,) = await connection.fetch("SELECT version FROM schema_version")
        return int(row["version"])


async def test_processes_that_start_at_once_make_the_schema_once(
    postgres_server: PostgresServer,
) -> None:
    url = await postgres_server.create()
    databases = await asyncio.gather(*[PostgresDatabase.open(url) for _ in range(4)])
    assert await databases[3].read("has_project", id=DEFAULT_PROJECT) == []
    for database in databases:
        await database.close()
    assert await version(url) == LATEST


async def test_an_older_database_is_brought_up_to_date_with_what_it_holds(
    postgres_server: PostgresServer,
) -> None:
    url = await postgres_server.create()
    async with connected(url) as connection:
        await connection.execute(load_migrations("postgres")[0])
        await connection.execute("INSERT INTO project VALUES ('proj_old', 'old', 1)")
        await connection.execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
        await connection.execute("INSERT INTO schema_version VALUES (1)")
    database = await PostgresDatabase.open(url)
    assert await database.read("has_project", id="proj_old")
    assert await database.read("list_request_chain", id="resp_x", project_id="proj_old") == []
    await database.close()
    assert await version(url) == LATEST


async def test_a_newer_database_is_left_alone(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create()
    async with connected(url) as connection:
        await connection.execute("CREATE TABLE schema_version (version BIGINT NOT NULL)")
        await connection.execute("INSERT INTO schema_version VALUES (1000)")
    with pytest.raises(DatabaseUnusable, match="a newer version of forebay"):
        await PostgresDatabase.open(url)
    assert await version(url) == 1000


async def test_a_schema_that_cannot_be_made_is_not_half_made(
    postgres_server: PostgresServer,
) -> None:
    url = await postgres_server.create()
    async with connected(url) as connection:
        await connection.execute("CREATE TABLE conversation (other TEXT)")
    with pytest.raises(DatabaseUnusable, match=r'relation "conversation" already exists'):
        await PostgresDatabase.open(url)
    async with connected(url) as connection:
        assert not await connection.fetch("SELECT 1 FROM pg_tables WHERE tablename = 'project'")


async def test_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    async with connected(postgres_server.url()) as connection:
        await connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(DatabaseUnusable, match="its encoding is LATIN1"):
        await PostgresDatabase.open(postgres_server.url("latin"))


async def test_a_database_that_is_not_there_is_named(postgres_server: PostgresServer) -> None:
    with pytest.raises(DatabaseUnusable, match='/nowhere cannot be used: database "nowhere"'):
        await PostgresDatabase.open(postgres_server.url("nowhere"))


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseUnusable, match=r"127\.0\.0\.1:9/name cannot be used") as raised:
        await PostgresDatabase.open("postgresql://user:hidden@127.0.0.1:9/name")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hid/den@127.0.0.1/name",
        "postgresql://user:hid?den@127.0.0.1/name",
        "postgresql://user:hid#den@127.0.0.1/name",
        "postgresql://user:hid@den@127.0.0.1:9/name",
        "postgresql://127.0.0.1:9/name?password=hid@den",
        "postgresql://user:hid%den@127.0.0.1:port/name",
    ],
)
async def test_a_url_that_is_wrong_is_not_told_with_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as raised:
        await PostgresDatabase.open(url)
    assert "hid" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "postgresql://user:secret@db.example:5432/forebay?sslmode=require",
            "db.example:5432/forebay",
        ),
        ("postgresql://db.example/forebay", "db.example/forebay"),
        ("postgresql://user@/forebay?host=/run/postgresql", "/forebay"),
    ],
)
def test_a_place_is_host_and_name(url: str, place: str) -> None:
    assert place_of(url) == place
