"""Secrets in the data directory: the first key and its copy, and the key of the seal."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forebay.core.projects import DEFAULT_PROJECT, hash_secret, new_secret
from forebay.settings import Settings, SettingsInvalid
from forebay.store.projects import Projects

KEY_FILE = "api_key"
SECRET_FILE = "secret_key"
FROM_SETTINGS = "from the settings"


@dataclass(frozen=True, slots=True)
class FirstKey:
    """The key that a first start made; `is_new` when it is to be shown, this once."""

    secret: str
    is_new: bool


async def ensure_first_key(settings: Settings, projects: Projects) -> FirstKey | None:
    """Make the default project and its first key, unless there are keys already.

    A key from the settings is always let in, and the one that it replaces no more; raises
    `SettingsInvalid` for one that was revoked. Returns None when no key is known in the clear.
    """
    await ensure_default_project(projects)
    path = settings.folder / KEY_FILE
    if settings.api_key is not None:
        key = await projects.add_key(
            DEFAULT_PROJECT, secret=settings.api_key, name=FROM_SETTINGS, is_admin=True
        )
        await _revoke_replaced(settings.api_key, projects)
        write_private(path, settings.api_key)
        return FirstKey(settings.api_key, is_new=key is not None)
    if any(key.revoked_at is None for key in await projects.keys()):
        return FirstKey(path.read_text().strip(), is_new=False) if path.exists() else None
    # Of two servers that start at once, both take the key of the one that writes it first.
    secret = write_once(path, new_secret())
    if not await _is_let_in(secret, projects):
        secret = new_secret()
        write_private(path, secret)
        await _is_let_in(secret, projects)
    return FirstKey(secret, is_new=True)


async def _is_let_in(secret: str, projects: Projects) -> bool:
    """Add the key unless it is there; returns False for one that was revoked."""
    if await projects.add_key(DEFAULT_PROJECT, secret=secret, name="first key", is_admin=True):
        return True
    kept = hash_secret(secret)
    return any(key.hash == kept and key.revoked_at is None for key in await projects.keys())


async def _revoke_replaced(secret: str, projects: Projects) -> None:
    kept = hash_secret(secret)
    for key in await projects.keys():
        if key.hash == kept and key.revoked_at is not None:
            raise SettingsInvalid("api_key: this key was revoked for good; give another one")
        if key.hash != kept and key.is_admin and key.name == FROM_SETTINGS:
            await projects.revoke_key(key.project_id, key.id)


async def ensure_default_project(projects: Projects) -> None:
    """Make the project that everything belongs to until others are made."""
    await projects.add_project(DEFAULT_PROJECT, name="default")


def seal_secret(settings: Settings) -> bytes:
    """Return the secret that the seal's key is derived from, making one at the first start."""
    if settings.secret_key is not None:
        return settings.secret_key.encode()
    return write_once(settings.folder / SECRET_FILE, secrets.token_hex(32)).encode()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    os.replace(_written(path, text), path)


def write_once(path: Path, text: str) -> str:
    """Write such a file unless it is there, whoever else is writing it; returns what it holds."""
    if not path.exists():
        temporary = _written(path, text)
        try:
            with suppress(FileExistsError):
                os.link(temporary, path)
        except OSError:
            # A file system without hard links; on such a one two servers may not start at once.
            os.replace(temporary, path)
        temporary.unlink(missing_ok=True)
    return path.read_text().strip()


def _written(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return temporary
