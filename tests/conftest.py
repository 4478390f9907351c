"""Fixtures for every room: the time, the ids, and a store over a real database.

The database is SQLite's and the blobs are on disk, unless a test is among those that run on both
kinds, or chooses its `database_kind` or `blobs_kind`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.blobs import OwnedBlobs
from forebay.store.database import Database
from forebay.store.local_blobs import LocalBlobs
from forebay.store.object_blobs import ObjectBlobs
from forebay.store.postgres import PostgresDatabase
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

OTHER_PROJECT = "proj_other"

# What runs on both databases: all of the store, and whatever else the database has a part in.
ON_BOTH = (
    Path("store"),
    Path("wiring"),
    Path("lanes/batch/test_blob_names.py"),
    Path("lanes/batch/test_closer.py"),
    Path("lanes/batch/test_message_batches.py"),
    Path("lanes/batch/test_contents.py"),
    Path("lanes/batch/test_given_back.py"),
    Path("lanes/batch/test_lost_plans.py"),
    Path("lanes/batch/test_plan_jobs.py"),
    Path("lanes/batch/test_result_mishaps.py"),
    Path("lanes/batch/test_results.py"),
    Path("lanes/batch/test_segment_run.py"),
    Path("lanes/batch/test_uploads.py"),
    Path("lanes/batch/test_validator.py"),
    Path("lanes/batch/test_worker.py"),
    Path("lanes/test_background_worker.py"),
    Path("lanes/test_settlement.py"),
    Path("lanes/test_sweeper.py"),
    Path("lanes/test_webhooks.py"),
    Path("api/test_batches.py"),
    Path("api/test_batch_desk.py"),
    Path("api/test_batch_reports.py"),
    Path("api/test_batch_results.py"),
    Path("api/test_batch_retries.py"),
    Path("lanes/batch/test_forecast.py"),
    Path("lanes/batch/test_gone_results.py"),
    Path("api/test_inline_batches.py"),
    Path("api/test_message_batch_bodies.py"),
    Path("api/test_message_batches.py"),
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
    Path("api/test_uploads.py"),
    Path("lanes/test_background_streams.py"),
    Path("lanes/test_background_worker.py"),
    Path("lanes/test_control.py"),
    Path("lanes/test_stored_responses.py"),
    Path("lanes/test_webhooks.py"),
    Path("lanes/batch/test_remains.py"),
    Path("lanes/test_orphans.py"),
)

# What runs on both kinds of blobs, each beside one of the databases.
ON_BOTH_BLOBS = (
    Path("store/test_blobs.py"),
    Path("lanes/batch/test_closer.py"),
    Path("lanes/batch/test_contents.py"),
    Path("lanes/batch/test_lost_plans.py"),
    Path("lanes/batch/test_plan.py"),
    Path("lanes/batch/test_remains.py"),
    Path("lanes/batch/test_results.py"),
    Path("lanes/batch/test_uploads.py"),
    Path("lanes/batch/test_validator.py"),
    Path("lanes/test_orphans.py"),
    Path("api/test_batches.py"),
    Path("api/test_files.py"),
    Path("api/test_uploads.py"),
    Path("wiring/test_belonging.py"),
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
    """Run a test on the databases and the blobs that it names, or that it is listed for."""
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    path = metafunc.definition.path.relative_to(Path(__file__).parent)
    databases = ["sqlite", "postgres"] if _is_listed(path, ON_BOTH) else ["sqlite"]
    kinds = ["local", "s3"] if _is_listed(path, ON_BOTH_BLOBS) else ["local"]
    choices = {"database_kind": databases, "blobs_kind": kinds}
    asked = [name for name in choices if name in metafunc.fixturenames and name not in named]
    if len(asked) == 2:
        # Side by side, not each with each: the longer list says how often a test runs.
        times = max(len(databases), len(kinds))
        pairs = [(databases[n % len(databases)], kinds[n % len(kinds)]) for n in range(times)]
        metafunc.parametrize(asked, pairs)
    elif asked:
        metafunc.parametrize(asked[0], choices[asked[0]])


def _is_listed(path: Path, places: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(place) for place in places)


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server of the S3 protocol, started for the first test that needs it."""
    server = S3Server()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server
    server.end()


@pytest.fixture
def blobs_url(request: pytest.FixtureRequest, blobs_kind: str) -> str | None:
    """The URL of an empty place for blobs, or None for a folder."""
    if blobs_kind == "local":
        return None
    server: S3Server = request.getfixturevalue("s3_server")
    return server.place()


@pytest.fixture
def blobs(blobs_url: str | None, tmp_path: Path, new_id: CountingIds) -> Iterator[OwnedBlobs]:
    """No blobs yet; a folder is not synced, because a power cut is no part of most tests."""
    blobs: OwnedBlobs
    if blobs_url is None:
        blobs = LocalBlobs(tmp_path / "blobs", new_id=new_id, sync=lambda _: None)
    else:
        blobs = ObjectBlobs(blobs_url, new_id=new_id, is_http_allowed=True)
    yield blobs
    blobs.close()


@pytest.fixture
async def store(
    database: Database, blobs: OwnedBlobs, clock: ManualClock, new_id: CountingIds
) -> Store:
    """A store with two projects in it."""
    store = build_store(database, blobs, clock=clock, new_id=new_id)
    await store.projects.add_project(DEFAULT_PROJECT, name="default")
    await store.projects.add_project(OTHER_PROJECT, name="other")
    return store
