"""The lock on a data directory: one server at a time, even after a crash.

It is an open exclusive transaction of SQLite's on a file of its own, so it ends with its process.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from forebay.core.errors import ForebayError

LOCK_FILE = "lock.sqlite"


class DataDirectoryInUse(ForebayError):
    """Another server holds the data directory."""

    code = "data_directory_in_use"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the data directory {folder} is in use by another forebay server")


class DirectoryLock:
    """Holds a data directory for one process; raises `DataDirectoryInUse`."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / LOCK_FILE, isolation_level=None, timeout=0.2)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            self._connection.close()
            raise DataDirectoryInUse(folder) from None

    def release(self) -> None:
        """Let another process have the directory."""
        self._connection.close()
