"""The first key: made once, or given by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.core.projects import hash_secret
from forebay.settings import Settings, SettingsInvalid
from forebay.store.store import Store
from forebay.wiring.secrets import KEY_FILE, ensure_first_key, write_once


def settings(folder: Path, key: str | None = None) -> Settings:
    return Settings(data_dir=str(folder), api_key=key)


async def live(store: Store, *secrets: str) -> list[bool]:
    """Return which of these keys are let in."""
    hashes = {key.hash for key in await store.projects.keys() if key.revoked_at is None}
    return [hash_secret(secret) in hashes for secret in secrets]


async def test_a_key_that_the_settings_replace_is_let_in_no_more(
    store: Store, tmp_path: Path
) -> None:
    await ensure_first_key(settings(tmp_path, "fb-old"), store.projects)
    await ensure_first_key(settings(tmp_path, "fb-new"), store.projects)
    assert await live(store, "fb-old", "fb-new") == [False, True]


async def test_the_same_key_in_the_settings_stays_through_every_start(
    store: Store, tmp_path: Path
) -> None:
    for _ in range(2):
        await ensure_first_key(settings(tmp_path, "fb-same"), store.projects)
    assert await live(store, "fb-same") == [True]


async def test_keys_of_other_places_outlive_that_of_the_settings(
    store: Store, tmp_path: Path
) -> None:
    first = await ensure_first_key(settings(tmp_path), store.projects)
    assert first is not None
    await ensure_first_key(settings(tmp_path, "fb-new"), store.projects)
    assert await live(store, first.secret, "fb-new") == [True, True]


async def test_a_key_that_was_revoked_cannot_come_back_by_the_settings(
    store: Store, tmp_path: Path
) -> None:
    for key in ("fb-old", "fb-new"):
        await ensure_first_key(settings(tmp_path, key), store.projects)
    with pytest.raises(SettingsInvalid, match="revoked for good"):
        await ensure_first_key(settings(tmp_path, "fb-old"), store.projects)


async def test_a_leftover_of_a_revoked_key_is_not_taken_for_the_first_one(
    store: Store, tmp_path: Path
) -> None:
    first = await ensure_first_key(settings(tmp_path), store.projects)
    assert first is not None
    for key in await store.projects.keys():
        await store.projects.revoke_key(key.project_id, key.id)
    second = await ensure_first_key(settings(tmp_path), store.projects)
    assert second is not None
    assert await live(store, first.secret, second.secret) == [False, True]
    assert (tmp_path / KEY_FILE).read_text().strip() == second.secret


def test_what_is_written_once_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert write_once(path, "first") == "first"
    assert write_once(path, "second") == "first"
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]
