"""Folders for what a command keeps while it lasts, and has no other place for.

A command that is killed leaves its folder, and the next one that needs one removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "forebay-batch-"
YOUNG_S = 60.0
"""A folder that is younger than ours by less may not be locked yet by who has just made it."""


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder that is gone behind the block; those of the dead are gone before it."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        folder = Path(name)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _remove_those_of_the_dead(folder)
            yield folder
        finally:
            os.close(lock)


def _remove_those_of_the_dead(ours: Path) -> None:
    made_at = ours.stat().st_mtime
    for folder in ours.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another command is faster, or it is not ours
            found = folder.lstat()
            if found.st_uid == os.getuid() and made_at - found.st_mtime > YOUNG_S:
                _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
