"""What is PostgreSQL's own: one statement for many rows, lost connections, and other processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict
from typing import Any, cast

import pytest
import uvloop

from forebay.core.conversations import Conversation
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.database import StoreFailed, TextRefused, Tx
from forebay.store.ledger import entry_row
from forebay.store.postgres import PostgresDatabase
from forebay.store.postgres_connection import Connection
from forebay.store.queries import load_queries
from forebay.store.store import Store
from tests.fakes import until
from tests.postgres_server import PostgresServer, connected
from tests.store.makers import charge_count, entry, new_batch

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"])

# What the driver gives as the types of `Value` and nothing else; text may be read as JSON.
VALUES = {"text", "int4", "int8", "float8", "bytea", "json"}

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def outside(database_url: str) -> AsyncIterator[Connection]:
    """A connection past the store."""
    async with connected(database_url) as connection:
        yield connection


def adding(number: int) -> Callable[[Tx], Coroutine[None, None, None]]:
    """Return an operation that adds a project."""

    async def add(tx: Tx) -> None:
        await tx.run("add_project", id=f"proj_{number}", name="p", now=1)

    return add


@pytest.mark.parametrize("name", load_queries("postgres"))
async def test_a_query_runs_on_the_schema_with_the_values_that_we_have(
    outside: Connection, name: str
) -> None:
    statement = await outside.prepare(load_queries("postgres")[name].text)
    given = {parameter.name for parameter in statement.get_parameters()}
    got = {attribute.type.name for attribute in statement.get_attributes()}
    assert given | got <= VALUES


async def test_rows_that_gather_are_inserted_by_one_statement(
    database: PostgresDatabase, outside: Connection
) -> None:
    rows = [entry_row(entry(f"s{number}")) for number in range(50)]
    await asyncio.gather(*[database.append("record_entry", row) for row in rows])
    # A statement by itself is a transaction, and stamps all of its rows with the same number.
    assert await outside.fetchval("SELECT count(DISTINCT xmin::text) FROM ledger_entry") == 1


async def test_operations_that_gather_share_one_transaction(
    database: PostgresDatabase, outside: Connection
) -> None:
    await asyncio.gather(*[database.write(adding(number)) for number in range(200)])
    assert await outside.fetchval("SELECT count(*) FROM project") == 200
    assert await outside.fetchval("SELECT count(DISTINCT xmin::text) FROM project") == 1


@pytest.mark.parametrize(
    ("name", "error"), [("text with \0 in it", TextRefused), ("a lone \ud800", StoreFailed)]
)
async def test_text_that_postgres_cannot_hold_is_refused_alone(
    database: PostgresDatabase, name: str, error: type[Exception]
) -> None:
    async def add(tx: Tx) -> None:
        await tx.run("add_project", id="proj_x", name=name, now=1)

    outcomes = await asyncio.gather(
        database.write(adding(1)), database.write(add), return_exceptions=True
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], error)
    assert await database.read("has_project", id="proj_1")


async def test_nothing_can_be_asked_for_by_such_text(database: PostgresDatabase) -> None:
    with pytest.raises(TextRefused):
        await database.read("has_project", id="proj_\0")


async def test_a_number_that_postgres_cannot_hold_is_refused_alone(store: Store) -> None:
    huge = entry("huge", usage=Usage(input_tokens=2**63))
    outcomes = await asyncio.gather(
        store.ledger.record(huge), store.ledger.record(entry("fine")), return_exceptions=True
    )
    assert isinstance(outcomes[0], StoreFailed)
    assert outcomes[1] is None
    assert await charge_count(store) == 1


async def test_an_operation_that_goes_on_after_an_error_is_not_taken_for_committed(
    database: PostgresDatabase,
) -> None:
    async def stubborn(tx: Tx) -> None:
        await adding(1)(tx)
        with pytest.raises(Exception, match="foreign key"):
            await tx.run("create_batch", **asdict(new_batch(project_id="proj_unknown")))

    with pytest.raises(StoreFailed, match="went on after an error"):
        await database.write(stubborn)
    assert not await database.read("has_project", id="proj_1")


async def test_what_was_in_a_lost_connection_fails_and_the_next_works(
    database: PostgresDatabase, outside: Connection
) -> None:
    async def torn(tx: Tx) -> None:
        await adding(1)(tx)
        await outside.execute(TERMINATE)
        await adding(2)(tx)

    with pytest.raises(StoreFailed):
        await database.write(torn)
    await database.write(adding(3))
    found = [bool(await database.read("has_project", id=f"proj_{number}")) for number in (1, 2, 3)]
    assert found == [False, False, True]


async def test_connections_that_were_lost_while_idle_are_not_noticed(
    database: PostgresDatabase, outside: Connection
) -> None:
    await database.write(adding(1))
    assert await database.read("has_project", id="proj_1")
    await outside.execute(TERMINATE)
    inside = cast(Any, database)

    async def are_closed() -> bool:
        return all(one.is_closed() for one in (inside._writing, *inside._readers._idle))

    await until(are_closed)
    await database.write(adding(2))
    assert await database.read("has_project", id="proj_2")


async def test_while_the_server_is_away_work_fails_and_later_it_is_done(
    database: PostgresDatabase, postgres_server: PostgresServer
) -> None:
    postgres_server.stop()
    try:
        for work in (database.write(adding(1)), database.read("has_project", id="proj_1")):
            with pytest.raises(StoreFailed):
                await work
    finally:
        postgres_server.start()
    await database.write(adding(2))
    assert await database.read("has_project", id="proj_2")
    assert not await database.read("has_project", id="proj_1")


async def test_reads_wait_for_a_free_connection(database: PostgresDatabase) -> None:
    await database.write(adding(1))
    found = await asyncio.gather(*[database.read("has_project", id="proj_1") for _ in range(40)])
    assert all(found)


async def test_a_read_that_is_cancelled_harms_no_other(database: PostgresDatabase) -> None:
    leaving = [asyncio.ensure_future(database.read("list_api_keys")) for _ in range(8)]
    await asyncio.sleep(0)
    for read in leaving:
        read.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    assert await asyncio.gather(*[database.read("list_api_keys") for _ in range(8)]) == [[]] * 8


async def test_a_reading_connection_changes_nothing(database: PostgresDatabase) -> None:
    with pytest.raises(StoreFailed, match="read-only"):
        await database.read("add_project", id="proj_1", name="p", now=1)


async def test_every_wait_on_the_server_has_a_limit(database: PostgresDatabase) -> None:
    writing: Connection = cast(Any, database)._writing
    limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    assert "0" not in [await writing.fetchval(f"SHOW {limit}") for limit in limits]


async def test_a_commit_is_on_disk_when_it_returns_whatever_the_server_is_set_to(
    database_url: str, outside: Connection
) -> None:
    name = await outside.fetchval("SELECT current_database()")
    await outside.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        database = await PostgresDatabase.open(database_url)
        writing: Connection = cast(Any, database)._writing
        assert await writing.fetchval("SHOW synchronous_commit") == "on"
        await database.close()
    finally:
        await outside.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


async def test_processes_that_get_into_each_others_way_both_come_to_an_end(
    store: Store, database: PostgresDatabase, database_url: str
) -> None:
    """Each holds a row that the other wants next: the server breaks one of them off."""
    other = await PostgresDatabase.open(database_url)
    one, two = [await store.conversations.create(DEFAULT_PROJECT, metadata={}) for _ in range(2)]
    both = asyncio.Barrier(2)

    def crossing(*conversations: Conversation) -> Callable[[Tx], Coroutine[None, None, None]]:
        waits = [both.wait]

        async def cross(tx: Tx) -> None:
            for conversation in conversations:
                await tx.run(
                    "update_conversation",
                    id=conversation.id,
                    project_id=DEFAULT_PROJECT,
                    metadata='{"changed":"yes"}',
                )
                if waits:  # only the first time: the one that is broken off runs again
                    await waits.pop()()

        return cross

    await asyncio.gather(database.write(crossing(one, two)), other.write(crossing(two, one)))
    changed = await store.conversations.get(DEFAULT_PROJECT, one.id)
    assert changed is not None
    assert changed.metadata == {"changed": "yes"}
    await other.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_it_works_on_either_event_loop(
    run: Callable[[Coroutine[None, None, None]], None], database_url: str
) -> None:
    async def scenario() -> None:
        database = await PostgresDatabase.open(database_url)
        await asyncio.gather(
            database.write(adding(1)), database.append("record_entry", entry_row(entry()))
        )
        (row,) = await database.read("sum_charges", project_id=DEFAULT_PROJECT)
        assert row["charge_count"] == 1
        await database.close()

    run(scenario())
