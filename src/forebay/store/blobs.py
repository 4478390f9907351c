"""Blobs on local disk: immutable once committed, and really on the disk by then.

A blob is written to a temporary file, synced, renamed to its name, and the folder is synced; only
then may a row name it. What a crash leaves behind is an unnamed temporary file, swept at the next
start. All file work happens in threads of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, ParamSpec, Protocol, TypeVar

from forebay.core.ids import NewId
from forebay.store.database import StoreFailed

P = ParamSpec("P")
R = TypeVar("R")

PIECE_BYTES = 256 * 1024
LEFT_S = 86_400  # untouched for so long, a temporary file is nobody's any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A committed blob."""

    id: str
    size_bytes: int
    sha256: str


class Extent(NamedTuple):
    """A stretch of a blob; without a size, all of it from the offset on."""

    blob_id: str
    offset_bytes: int = 0
    size_bytes: int | None = None


class BlobWriter(Protocol):
    """A blob that is being written, until a `commit` that returns or an `abandon` ends it."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far, hexadecimal."""
        ...

    async def write(self, piece: bytes) -> None:
        """Add bytes at the end."""
        ...

    async def commit(self) -> Blob:
        """Make the blob durable; it can be read from now on."""
        ...

    async def abandon(self) -> None:
        """Leave nothing behind, not even of a commit that was cancelled or failed."""
        ...


class Blobs(Protocol):
    """Where bodies are kept."""

    async def create(self) -> BlobWriter:
        """Begin a blob."""
        ...

    async def put(self, content: bytes) -> Blob:
        """Keep `content` durably as a blob."""
        ...

    async def get(self, extent: Extent) -> bytes:
        """Return the whole of a stretch; for those known to be small."""
        ...

    def read(self, extent: Extent) -> AsyncIterator[bytes]:
        """Return a stretch in pieces."""
        ...

    async def delete(self, blob_id: str) -> None:
        """Forget a blob, if it is there."""
        ...


class LocalBlobs:
    """Blobs in a folder, spread over 256 sub-folders; it `is_shared` when other servers use it."""

    def __init__(
        self,
        folder: Path,
        *,
        new_id: NewId,
        sync: Callable[[int], None] = os.fsync,
        is_shared: bool = False,
    ) -> None:
        self._folder = folder
        self._new_id = new_id
        self._sync = sync
        self._threads = ThreadPoolExecutor(2, "forebay-blobs")
        self._temporary = folder / "incoming"
        self._temporary.mkdir(parents=True, exist_ok=True)
        self._sweep(is_shared=is_shared)

    async def create(self) -> BlobWriter:
        """Begin a blob."""
        blob_id = self._new_id("blob_")
        return _LocalWriter(self, blob_id, self._temporary / blob_id)

    async def put(self, content: bytes) -> Blob:
        """Keep `content` durably as a blob."""
        writer = await self.create()
        try:
            await writer.write(content)
            return await writer.commit()
        except BaseException:
            await writer.abandon()
            raise

    async def get(self, extent: Extent) -> bytes:
        """Return the whole of a stretch; for those known to be small."""
        return await self.run(self._stretch, extent)

    async def read(self, extent: Extent) -> AsyncIterator[bytes]:
        """Return a stretch in pieces."""
        left_bytes = sys.maxsize if extent.size_bytes is None else extent.size_bytes
        with ExitStack() as opened:
            file = await self.run(lambda: opened.enter_context(self._opened(extent)))
            while piece := await self.run(file.read, min(PIECE_BYTES, left_bytes)):
                left_bytes -= len(piece)
                yield piece

    def _opened(self, extent: Extent) -> BinaryIO:
        file = self.path(extent.blob_id).open("rb")
        file.seek(extent.offset_bytes)
        return file

    def _stretch(self, extent: Extent) -> bytes:
        with self._opened(extent) as file:
            return file.read(-1 if extent.size_bytes is None else extent.size_bytes)

    async def delete(self, blob_id: str) -> None:
        """Forget a blob, if it is there."""
        await self.run(self.path(blob_id).unlink, missing_ok=True)

    def close(self) -> None:
        """Wait for running file work, then end the threads."""
        self._threads.shutdown()

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do file work in a thread; raises `StoreFailed` when the disk does.

        Whoever is cancelled meanwhile waits for its end, so that no file is touched after that.
        """
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait([working])
            raise
        except OSError as error:
            raise StoreFailed(f"the disk did not do it: {error}") from error

    def commit(self, blob_id: str, file: BinaryIO) -> None:
        """Sync the file, give it its name, and sync the folders that name it."""
        file.flush()
        self._sync(file.fileno())
        file.close()
        path = self.path(blob_id)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            self._sync_folder(self._folder)
        os.rename(self._temporary / blob_id, path)
        self._sync_folder(path.parent)

    def path(self, blob_id: str) -> Path:
        """Return where a blob of this id is kept once it is committed."""
        return self._folder / blob_id[-2:] / blob_id

    def _sweep(self, *, is_shared: bool) -> None:
        """Delete what a crash left; in a shared folder, what others write just now stays."""
        changed_at = self._temporary.stat().st_mtime
        for leftover in self._temporary.iterdir():
            with suppress(FileNotFoundError):
                if not is_shared or leftover.stat().st_mtime < changed_at - LEFT_S:
                    leftover.unlink()

    def _sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)


class _LocalWriter:
    def __init__(self, blobs: LocalBlobs, blob_id: str, path: Path) -> None:
        self._blobs = blobs
        self._blob_id = blob_id
        self._path = path
        self._opened: BinaryIO | None = None
        self._size_bytes = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def write(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        await self._blobs.run(self._write, piece)

    async def commit(self) -> Blob:
        await self._blobs.run(lambda: self._blobs.commit(self._blob_id, self._file()))
        return Blob(id=self._blob_id, size_bytes=self._size_bytes, sha256=self.sha256)

    async def abandon(self) -> None:
        await self._blobs.run(self._discard)

    def _file(self) -> BinaryIO:
        """Return the file, opening it in the thread that works on it: nobody can lose it there."""
        if self._opened is None:
            self._opened = self._path.open("wb")
        return self._opened

    def _write(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._file().write(piece)

    def _discard(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._path.unlink(missing_ok=True)
        self._blobs.path(self._blob_id).unlink(missing_ok=True)
