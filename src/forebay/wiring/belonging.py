"""Whether a database, a secret and a folder of blobs belong together.

A server with another secret could not open what is sealed in the database, and one with another
folder would not find the blobs that its rows name; with several servers on one database that is
easily done. So the database keeps a mark of both, made at the first start.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from forebay.core.errors import ForebayError
from forebay.settings import Settings
from forebay.store.house_marks import HouseMarks
from forebay.wiring.data_directory import BLOBS_FOLDER
from forebay.wiring.secrets import seal_secret, write_once

MARK_FILE = "house"


class AnotherHouse(ForebayError):
    """The database was used with another secret, or with another folder of blobs."""

    code = "another_house"


async def ensure_belonging(settings: Settings, marks: HouseMarks) -> None:
    """Mark what belongs to a new database, or raise `AnotherHouse` when it is not this."""
    fingerprint = hmac.digest(seal_secret(settings), b"forebay house", hashlib.sha256).hex()
    if await marks.keep("secret", fingerprint) != fingerprint:
        raise AnotherHouse(
            "the database was used with another secret_key, and what that sealed could not be "
            "opened: give the servers of one database the same FOREBAY_SECRET_KEY or data directory"
        )
    folder = settings.folder / BLOBS_FOLDER
    if await marks.get("blobs") is None:
        await marks.keep("blobs", _marked(folder))
    if await marks.get("blobs") != _mark(folder):
        raise AnotherHouse(
            f"the database was used with another data directory, and {folder} is not the folder "
            "that holds its files: give the servers of one database the same data directory"
        )


def _mark(folder: Path) -> str | None:
    try:
        return (folder / MARK_FILE).read_text().strip()
    except FileNotFoundError:
        return None


def _marked(folder: Path) -> str:
    """Return the folder's mark, one that is on disk."""
    mark = write_once(folder / MARK_FILE, secrets.token_hex(16))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return mark
