"""Projects and keys: the secret itself is kept nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.core.projects import DEFAULT_PROJECT, hash_secret
from forebay.store.database import Database, StoreFailed
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START

SECRET = "fb-the-secret-itself"


async def test_a_key_is_kept_by_its_hash_and_hint(store: Store) -> None:
    key = await store.projects.add_key(DEFAULT_PROJECT, secret=SECRET, name="mine", is_admin=True)
    assert key is not None
    assert (key.hash, key.hint, key.is_admin) == (hash_secret(SECRET), "self", True)
    assert await store.projects.keys() == [key]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_secret_is_nowhere_in_the_files(
    store: Store, database: Database, tmp_path: Path
) -> None:
    await store.projects.add_key(DEFAULT_PROJECT, secret=SECRET, name="mine")
    await database.close()
    contents = _contents(tmp_path)
    assert any(hash_secret(SECRET).encode() in content for content in contents)
    assert not any(SECRET.encode() in content for content in contents)


async def test_one_secret_is_kept_once(store: Store) -> None:
    assert await store.projects.add_key(DEFAULT_PROJECT, secret=SECRET, name="mine")
    assert await store.projects.add_key(OTHER_PROJECT, secret=SECRET, name="again") is None


async def test_a_key_needs_its_project(store: Store) -> None:
    with pytest.raises(StoreFailed):
        await store.projects.add_key("proj_unknown", secret=SECRET, name="mine")
    assert not await store.projects.has_project("proj_unknown")
    assert await store.projects.has_project(DEFAULT_PROJECT)


async def test_a_key_is_revoked_once_and_for_good(store: Store) -> None:
    key = await store.projects.add_key(DEFAULT_PROJECT, secret=SECRET, name="mine")
    assert key is not None
    assert not await store.projects.revoke_key(OTHER_PROJECT, key.id)
    assert await store.projects.revoke_key(DEFAULT_PROJECT, key.id)
    assert not await store.projects.revoke_key(DEFAULT_PROJECT, key.id)
    (kept,) = await store.projects.keys()
    assert kept.revoked_at == START


async def test_adding_a_project_again_changes_nothing(store: Store) -> None:
    await store.projects.add_project(DEFAULT_PROJECT, name="another name")
    assert await store.projects.has_project(DEFAULT_PROJECT)


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
