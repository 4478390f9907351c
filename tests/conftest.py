"""Fixtures for every room: the time, the ids, and a store over a real database file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.blobs import LocalBlobs
from forebay.store.database import Database
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from tests.fakes import CountingIds, ManualClock, ScriptedEngine

OTHER_PROJECT = "proj_other"

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


@pytest.fixture(params=["sqlite"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of every supported kind."""
    assert request.param == "sqlite"
    database = SqliteDatabase(tmp_path / "test.sqlite")
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
