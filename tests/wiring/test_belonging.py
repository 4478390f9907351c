"""A database, a secret and a folder of blobs that were used together are used together again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from forebay.settings import Settings
from forebay.store.store import Store
from forebay.wiring.belonging import AnotherHouse, ensure_belonging
from forebay.wiring.data_directory import BLOBS_FOLDER


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data directory that a server has begun to use."""
    return made(tmp_path / "data")


def made(folder: Path, *, secret: str | None = None) -> Settings:
    (folder / BLOBS_FOLDER).mkdir(parents=True, exist_ok=True)
    return Settings(data_dir=str(folder), secret_key=secret)


async def test_what_was_used_together_may_be_used_again(store: Store, settings: Settings) -> None:
    for _ in range(2):
        await ensure_belonging(settings, store.house_marks)


async def test_a_data_directory_may_move(store: Store, settings: Settings, tmp_path: Path) -> None:
    await ensure_belonging(settings, store.house_marks)
    shutil.move(settings.folder, tmp_path / "moved")
    await ensure_belonging(made(tmp_path / "moved"), store.house_marks)


async def test_the_same_secret_may_come_by_another_way(store: Store, settings: Settings) -> None:
    await ensure_belonging(settings, store.house_marks)
    secret = (settings.folder / "secret_key").read_text().strip()
    (settings.folder / "secret_key").unlink()
    await ensure_belonging(made(settings.folder, secret=secret), store.house_marks)


async def test_another_secret_is_refused(store: Store, settings: Settings) -> None:
    await ensure_belonging(settings, store.house_marks)
    with pytest.raises(AnotherHouse, match="another secret_key"):
        await ensure_belonging(made(settings.folder, secret="new"), store.house_marks)


async def test_another_folder_of_blobs_is_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await ensure_belonging(settings, store.house_marks)
    other = made(tmp_path / "other", secret=(settings.folder / "secret_key").read_text().strip())
    with pytest.raises(AnotherHouse, match="another data directory"):
        await ensure_belonging(other, store.house_marks)
    assert not (other.folder / BLOBS_FOLDER / "house").exists()


async def test_the_secret_is_not_in_the_database(store: Store, settings: Settings) -> None:
    await ensure_belonging(settings, store.house_marks)
    secret = (settings.folder / "secret_key").read_text().strip()
    kept = await store.house_marks.get("secret")
    assert kept is not None
    assert secret not in kept
