"""A database, a secret and a place of blobs that were used together are used together again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import obstore
import pytest

from forebay.settings import Settings
from forebay.store.database import Database, StoreFailed
from forebay.store.house_marks import HouseMarks
from forebay.store.object_blobs import MARK, ObjectBlobs
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store
from forebay.wiring.belonging import AnotherHouse, ensure_belonging
from forebay.wiring.blobs import open_blobs
from tests.fakes import CountingIds


@pytest.fixture
def settings(tmp_path: Path, blobs_url: str | None) -> Settings:
    """Settings with a data directory that a server has begun to use."""
    return made(tmp_path / "data", blobs_url=blobs_url)


def made(folder: Path, *, secret: str | None = None, blobs_url: str | None = None) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    return Settings(data_dir=str(folder), secret_key=secret, blobs_url=blobs_url)


async def ensure(settings: Settings, marks: HouseMarks) -> None:
    """Start as a server would."""
    blobs = open_blobs(settings, CountingIds(), is_shared=True)
    try:
        await ensure_belonging(settings, marks, blobs)
    finally:
        blobs.close()


class CutShort(HouseMarks):
    """Marks of a server that dies once it has kept a certain one."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.dies_after: str | None = None

    async def keep(self, name: str, mark: str) -> str:
        kept = await super().keep(name, mark)
        if name == self.dies_after:
            raise StoreFailed("the server died")
        return kept


@asynccontextmanager
async def another_database(folder: Path) -> AsyncIterator[HouseMarks]:
    """Open a new database."""
    database = SqliteDatabase(folder / "another.sqlite")
    yield HouseMarks(database)
    await database.close()


def secret_of(settings: Settings) -> str:
    return (settings.folder / "secret_key").read_text().strip()


async def test_what_was_used_together_may_be_used_again(store: Store, settings: Settings) -> None:
    for _ in range(2):
        await ensure(settings, store.house_marks)


async def test_a_data_directory_may_move(store: Store, settings: Settings, tmp_path: Path) -> None:
    await ensure(settings, store.house_marks)
    shutil.move(settings.folder, tmp_path / "moved")
    moved = made(tmp_path / "moved", blobs_url=settings.blobs_url)
    await ensure(moved, store.house_marks)


async def test_the_same_secret_may_come_by_another_way(store: Store, settings: Settings) -> None:
    await ensure(settings, store.house_marks)
    secret = secret_of(settings)
    (settings.folder / "secret_key").unlink()
    await ensure(
        made(settings.folder, secret=secret, blobs_url=settings.blobs_url), store.house_marks
    )


async def test_another_secret_is_refused(store: Store, settings: Settings) -> None:
    await ensure(settings, store.house_marks)
    other = made(settings.folder, secret="new", blobs_url=settings.blobs_url)
    with pytest.raises(AnotherHouse, match="another secret_key"):
        await ensure(other, store.house_marks)


async def test_another_place_of_blobs_is_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await ensure(settings, store.house_marks)
    url = settings.blobs_url and f"{settings.blobs_url}/other"
    other = made(tmp_path / "other", secret=secret_of(settings), blobs_url=url)
    with pytest.raises(AnotherHouse, match="another place of blobs"):
        await ensure(other, store.house_marks)
    assert await open_blobs(other, CountingIds(), is_shared=True).mark() is None


@pytest.mark.parametrize("blobs_kind", ["s3"])
async def test_with_blobs_elsewhere_the_data_directories_may_differ(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await ensure(settings, store.house_marks)
    other = made(tmp_path / "other", secret=secret_of(settings), blobs_url=settings.blobs_url)
    await ensure(other, store.house_marks)


async def test_blobs_of_another_database_are_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await ensure(settings, store.house_marks)
    async with another_database(tmp_path) as marks:
        for _ in range(2):
            with pytest.raises(AnotherHouse, match="belong to another database"):
                await ensure(settings, marks)


class Overtaken(ObjectBlobs):
    """Blobs whose mark is written over by another new database, as soon as it is left."""

    async def keep_mark(self, mark: str) -> None:
        await super().keep_mark(mark)
        await obstore.put_async(self._objects, MARK, b"another\n")


@pytest.mark.parametrize("blobs_kind", ["s3"])
async def test_of_two_new_databases_the_one_whose_mark_is_gone_is_refused(
    store: Store, settings: Settings, blobs_url: str
) -> None:
    blobs = Overtaken(blobs_url, new_id=CountingIds(), is_http_allowed=True)
    with pytest.raises(AnotherHouse, match="belong to another database"):
        await ensure_belonging(settings, store.house_marks, blobs)
    assert await store.house_marks.get("blobs") is None


async def test_a_first_start_that_was_cut_short_can_be_made_again(
    database: Database, settings: Settings
) -> None:
    marks = CutShort(database)
    for name in ("chosen_blobs", "blobs"):
        marks.dies_after = name
        with pytest.raises(StoreFailed):
            await ensure(settings, marks)
    marks.dies_after = None
    await ensure(settings, marks)


async def test_a_place_that_is_marked_of_old_stays_the_databases(
    store: Store, settings: Settings
) -> None:
    blobs = open_blobs(settings, CountingIds(), is_shared=True)
    await blobs.keep_mark("of old")
    await store.house_marks.keep("blobs", "of old")
    await ensure_belonging(settings, store.house_marks, blobs)
    blobs.close()


async def test_the_secret_is_not_in_the_database(store: Store, settings: Settings) -> None:
    await ensure(settings, store.house_marks)
    kept = await store.house_marks.get("secret")
    assert kept is not None
    assert secret_of(settings) not in kept
