"""Fixtures for every room: the time, the ids, and a store over a real database.

It is SQLite's, unless a test is among those that run on both, or chooses its `database_kind`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.blobs import LocalBlobs
from forebay.store.database import Database
from forebay.store.postgres import PostgresDatabase
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.postgres_server import PostgresServer

OTHER_PROJECT = "proj_other"

# What runs on both databases: all of the store, and whatever else the database has a part in.
ON_BOTH = (
    Path("store"),
    Path("wiring"),
    Path("lanes/batch/test_closer.py"),
    Path("lanes/batch/test_results.py"),
    Path("lanes/batch/test_segment_run.py"),
    Path("lanes/batch/test_validator.py"),
    Path("lanes/test_background_worker.py"),
    Path("lanes/test_settlement.py"),
    Path("lanes/test_sweeper.py"),
    Path("lanes/test_webhooks.py"),
    Path("api/test_batches.py"),
    Path("api/test_conversation_items.py"),
    Path("api/test_files.py"),
    Path("api/test_idempotency.py"),
    Path("api/test_idempotency_running.py"),
    Path("api/test_organization.py"),
    Path("api/test_response_lists.py"),
    Path("api/test_response_state.py"),
    Path("api/test_response_streams.py"),
    Path("api/test_stored_chats.py"),
    Path("api/test_strange_text.py"),
    Path("lanes/test_background_streams.py"),
    Path("lanes/test_background_worker.py"),
    Path("lanes/test_control.py"),
    Path("lanes/test_stored_responses.py"),
    Path("lanes/test_webhooks.py"),
)

# An example may take as long as the machine needs: a timing is never what a test is about.
settings.register_profile("forebay", deadline=None)
settings.load_profile("forebay")


@pytest.fixture
def clock() -> ManualClock:
    """A clock moved by hand."""
    return ManualClock()


@pytest.fixture
def new_id() -> CountingIds:
    """Ids that count."""
    return CountingIds()


@pytest.fixture
def engine() -> ScriptedEngine:
    """An engine that does as it is told."""
    return ScriptedEngine()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses a database on both, if it is listed, or on those that it names."""
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "database_kind" in metafunc.fixturenames and "database_kind" not in named:
        path = metafunc.definition.path.relative_to(Path(__file__).parent)
        is_listed = any(path.is_relative_to(place) for place in ON_BOTH)
        metafunc.parametrize("database_kind", ["sqlite", "postgres"] if is_listed else ["sqlite"])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that needs it."""
    server = PostgresServer()
    yield server
    server.end()


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest, database_kind: str
) -> AsyncIterator[str | None]:
    """The address of an empty PostgreSQL database with our schema, or None for SQLite."""
    if database_kind == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.lend()
    yield url
    await server.take_back(url)


@pytest.fixture
async def database(database_url: str | None, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database."""
    database: Database
    if database_url is None:
        database = SqliteDatabase(tmp_path / "test.sqlite")
    else:
        database = await PostgresDatabase.open(database_url)
    yield database
    await database.close()


@pytest.fixture
def blobs(tmp_path: Path, new_id: CountingIds) -> Iterator[LocalBlobs]:
    """An empty folder of blobs; not synced, because a power cut is no part of most tests."""
    blobs = LocalBlobs(tmp_path / "blobs", new_id=new_id, sync=lambda _: None)
    yield blobs
    blobs.close()


@pytest.fixture
async def store(
    database: Database, blobs: LocalBlobs, clock: ManualClock, new_id: CountingIds
) -> Store:
    """A store with two projects in it."""
    store = build_store(database, blobs, clock=clock, new_id=new_id)
    await store.projects.add_project(DEFAULT_PROJECT, name="default")
    await store.projects.add_project(OTHER_PROJECT, name="other")
    return store
