"""What is SQLite's own: the lock on the directory, the schema, durability and query plans."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.database import Database, SchemaTooNew, StoreFailed, Tx
from forebay.store.directory_lock import DataDirectoryInUse, DirectoryLock
from forebay.store.ledger import entry_row
from forebay.store.queries import load_migrations, load_queries
from forebay.store.sqlite import SqliteDatabase, connect
from forebay.store.store import Store
from tests.store.makers import charge_count, entry

QUERIES = load_queries("sqlite")

# They reach into the connection, each database's own.
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture
async def schema(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    """A connection to a fresh database."""
    await SqliteDatabase(tmp_path / "schema.sqlite").close()
    connection = sqlite3.connect(tmp_path / "schema.sqlite")
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return the steps of SQLite's plan for a query."""
    text = QUERIES[name].text
    values: dict[str, object] = dict.fromkeys(re.findall(r":(\w+)", text), 1)
    if "progress" in values:
        values["progress"] = '{"lease_1": 7}'
    if "lease_ids" in values:
        values["lease_ids"] = '["lease_1"]'
    return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("claim_requests", "request_waiting"),
        ("peek_waiting_requests", "request_waiting"),
        ("next_pause_end", "request_pausing"),
        ("ripen_requests", "request_pausing"),
        ("prune_requests", "request_ended"),
        ("list_expired_requests", "request_expiry"),
        ("renew_request_leases", "request_lease"),
        ("void_request_leases", "request_lease"),
        ("reap_requests", "request_lease"),
        ("delete_unstored_requests", "request_unstored"),
        ("delete_hidden_requests", "request_hidden"),
        ("delete_hidden_requests", "request_continued"),
        ("list_stored_requests_oldest_first", "request_listing"),
        ("list_stored_requests_newest_first", "request_listing"),
        ("list_conversation_items_oldest_first", "conversation_item_order"),
        ("list_conversation_items_newest_first", "conversation_item_order"),
        ("list_all_conversation_items", "conversation_item_order"),
        ("peek_waiting_segment", "segment_waiting"),
        ("claim_segment", "segment_waiting"),
        ("renew_segment_leases", "segment_lease"),
        ("void_segment_leases", "segment_lease"),
        ("first_delivery_at", "delivery_next"),
        ("next_delivery_at", "delivery_next"),
        ("claim_deliveries", "delivery_receiver"),
        ("void_delivery_leases", "delivery_leased"),
        ("forget_deliveries", "delivery_subject"),
        ("prune_deliveries", "delivery_old"),
        ("list_deliveries", "delivery_log"),
        ("list_subscribed_endpoints", "webhook_endpoint_listing"),
        ("list_batches", "batch_listing"),
        ("list_batches_in", "batch_status"),
        ("list_files_newest_first", "file_listing"),
        ("list_files_oldest_first", "file_listing"),
        ("get_batch_of_file", "batch_output_file"),
        ("get_batch_of_file", "batch_error_file"),
        ("list_expired_files", "file_expiry"),
        ("is_blob_named", "file_blob"),
        ("list_chunks", "chunk_order"),
        ("list_ended_lines", "chunk_segment"),
    ],
)
async def test_a_hot_query_uses_its_index_and_sorts_nothing(
    schema: sqlite3.Connection, query: str, index: str
) -> None:
    steps = plan(schema, query)
    assert any(f"INDEX {index} " in f"{step} " for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


async def test_receivers_are_found_by_steps_in_the_index_alone(schema: sqlite3.Connection) -> None:
    steps = [step for step in plan(schema, "list_due_receivers") if "walked" not in step]
    found = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert found and all("COVERING INDEX delivery_receiver" in step for step in found), steps


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
async def test_a_listing_chooses_by_its_index_alone(schema: sqlite3.Connection, order: str) -> None:
    steps = plan(schema, f"list_stored_requests_{order}")
    searches = [step for step in steps if step.startswith(("SEARCH request", "SCAN request"))]
    shown, chosen = searches
    # Only those that are chosen are read, with their large bodies.
    assert shown.endswith("(id=?)"), steps
    assert "COVERING INDEX request_listing" in chosen, steps


async def test_what_is_claimed_is_found_without_reading_other_requests(
    schema: sqlite3.Connection,
) -> None:
    assert not any(step.startswith("SCAN request") for step in plan(schema, "claim_requests"))


def test_a_commit_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    connection = connect(tmp_path / "durable.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    full = 2
    assert connection.execute("PRAGMA synchronous").fetchone() == (full,)
    connection.close()


def test_a_data_directory_is_held_by_one_server(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryInUse, match=re.escape(str(tmp_path))):
        DirectoryLock(tmp_path)
    lock.release()


def test_a_released_data_directory_can_be_taken(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()
    DirectoryLock(tmp_path).release()


async def test_opening_again_keeps_schema_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "twice.sqlite"
    first = SqliteDatabase(path)
    await first.append("record_entry", entry_row(entry()))
    await first.close()
    second = SqliteDatabase(path)
    (row,) = await second.read("sum_charges", project_id=DEFAULT_PROJECT)
    await second.close()
    assert row["charge_count"] == 1


async def test_a_migration_is_numbered_and_runs_once(tmp_path: Path) -> None:
    path = tmp_path / "numbered.sqlite"
    versions = []
    for _ in range(2):
        await SqliteDatabase(path).close()
        with sqlite3.connect(path) as connection:
            versions.append(connection.execute("PRAGMA user_version").fetchone())
        connection.close()
    latest = len(load_migrations("sqlite"))
    assert versions == [(latest,), (latest,)]


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SchemaTooNew):
        SqliteDatabase(path)


async def test_an_older_database_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "older.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(load_migrations("sqlite")[0])
        connection.execute("INSERT INTO project VALUES ('proj_old', 'old', 1)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    database = SqliteDatabase(path)
    assert await database.read("has_project", id="proj_old")
    assert await database.read("list_request_chain", id="resp_x", project_id="proj_old") == []
    await database.close()


async def test_a_number_that_sqlite_cannot_hold_is_refused_alone(store: Store) -> None:
    huge = entry("huge", usage=Usage(input_tokens=2**63))
    outcomes = await asyncio.gather(
        store.ledger.record(huge), store.ledger.record(entry("fine")), return_exceptions=True
    )
    assert isinstance(outcomes[0], StoreFailed)
    assert outcomes[1] is None
    assert await charge_count(store) == 1


@ON_SQLITE
async def test_the_writer_outlives_a_connection_that_was_closed_under_it(
    store: Store, database: Database
) -> None:
    async def tear(tx: Tx) -> None:
        # Now nothing works on this connection any more, not even the rollback.
        cast(Any, tx)._connection.close()

    with pytest.raises(StoreFailed):
        await database.write(tear)
    await database.append("record_entry", entry_row(entry()))
    assert await charge_count(store) == 1


@ON_SQLITE
async def test_all_that_was_committed_with_a_torn_operation_is_told_of_it(
    database: Database,
) -> None:
    async def add(tx: Tx) -> None:
        await tx.run("add_project", id="proj_1", name="p", now=1)

    async def tear(tx: Tx) -> None:
        cast(Any, tx)._connection.close()

    outcomes = await asyncio.gather(
        *[database.write(operation) for operation in (add, tear, add)], return_exceptions=True
    )
    found = await database.read("has_project", id="proj_1")
    kept = [outcome for outcome in outcomes if outcome is None]
    assert bool(found) == bool(kept)
    assert isinstance(outcomes[1], StoreFailed)


async def test_a_read_that_fails_is_the_stores_error(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "broken.sqlite")
    with sqlite3.connect(tmp_path / "broken.sqlite") as connection:
        connection.execute("DROP TABLE delivery")
    connection.close()
    with pytest.raises(StoreFailed):
        await database.read("next_delivery_at")
    await database.close()
