"""The data directory: one folder, all of which is its owner's alone."""

from __future__ import annotations

import os
from pathlib import Path

from forebay.core.errors import ForebayError

DATABASE_FILE = "forebay.sqlite"
BLOBS_FOLDER = "blobs"
SPILL_FOLDER = "spill"


class DataDirectoryUnusable(ForebayError):
    """The data directory cannot be made, or not be written to."""

    code = "data_directory_unusable"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"the data directory {folder} cannot be used: {reason}")


def prepare(folder: Path) -> None:
    """Make the folder, or close one that is there to everybody else.

    Raises `DataDirectoryUnusable`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise DataDirectoryUnusable(folder, os.strerror(error.errno or 0)) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise DataDirectoryUnusable(folder, "it cannot be written to")


def keep_private() -> None:
    """Let whatever this process makes from now on be its owner's alone."""
    os.umask(0o077)
