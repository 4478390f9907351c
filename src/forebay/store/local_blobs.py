"""Blobs on local disk: immutable once committed, and really on the disk by then.

A blob is written to a temporary file, synced, renamed to its name, and the folder is synced; only
then may a row name it. What a crash leaves behind is an unnamed temporary file, swept at the next
start, or a day later. All file work happens in threads of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from forebay.core.clock import Instant
from forebay.core.ids import NewId
from forebay.store.blobs import PIECE_BYTES, Blob, BlobMissing, BlobWriter, Extent
from forebay.store.database import StoreFailed

P = ParamSpec("P")
R = TypeVar("R")

MARK_FILE = "house"
SYNC_BYTES = 1024 * 1024  # written to a blob before it is synced, and again
LEFT_S = 86_400  # untouched for so long, a temporary file is nobody's any more


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
        self._sweep(None if is_shared else math.inf)

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
        try:
            file = self.path(extent.blob_id).open("rb")
        except FileNotFoundError:
            raise BlobMissing(extent.blob_id) from None
        file.seek(extent.offset_bytes)
        return file

    def _stretch(self, extent: Extent) -> bytes:
        with self._opened(extent) as file:
            return file.read(-1 if extent.size_bytes is None else extent.size_bytes)

    async def delete(self, blob_id: str) -> None:
        """Forget a blob, if it is there."""
        await self.run(self.path(blob_id).unlink, missing_ok=True)

    async def listed(self) -> AsyncIterator[tuple[str, Instant]]:
        """Return every committed blob with the time of its writing, in no order."""
        for spread in await self.run(lambda: sorted(self._folder.glob("??"))):
            for blob_id, written_at in await self.run(self._committed, spread):
                yield blob_id, written_at

    async def tidy(self, *, before: Instant) -> None:
        """Forget what interrupted writers left before that instant."""
        await self.run(self._sweep, before / 1000)

    async def probe(self) -> None:
        """Do nothing: the folder is there, and a full disk still gives what it holds."""

    async def mark(self) -> str | None:
        """Return what `keep_mark` left here."""
        return await self.run(self._mark)

    async def keep_mark(self, mark: str) -> None:
        """Leave a mark that is on disk by then, unless there is one."""
        await self.run(self._keep_mark, mark)

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

    def sync(self, file: BinaryIO) -> None:
        """Have what was written of a file on disk before it is whole.

        A large file that is synced at its end alone stalls every commit of the database meanwhile.
        """
        self._sync(file.fileno())

    def path(self, blob_id: str) -> Path:
        """Return where a blob of this id is kept once it is committed."""
        return self._folder / blob_id[-2:] / blob_id

    def _sweep(self, before_s: float | None) -> None:
        """Delete what was left before that time, or else what is old for a folder in use."""
        if before_s is None:
            before_s = self._temporary.stat().st_mtime - LEFT_S
        for leftover in self._temporary.iterdir():
            with suppress(FileNotFoundError):
                if leftover.stat().st_mtime < before_s:
                    leftover.unlink()

    def _committed(self, spread: Path) -> list[tuple[str, Instant]]:
        found = []
        for path in spread.iterdir():
            with suppress(FileNotFoundError):
                if self.path(path.name) == path:
                    found.append((path.name, Instant(path.stat().st_mtime_ns // 1_000_000)))
        return found

    def _mark(self) -> str | None:
        try:
            return (self._folder / MARK_FILE).read_text().strip()
        except FileNotFoundError:
            return None

    def _keep_mark(self, mark: str) -> None:
        # A name of its own: other servers of the same house may be doing the same.
        temporary = self._temporary / self._new_id("mark_")
        with temporary.open("w") as file:
            file.write(mark + "\n")
            file.flush()
            self._sync(file.fileno())
        try:
            with suppress(FileExistsError):
                os.link(temporary, self._folder / MARK_FILE)
        except OSError:
            # A file system without hard links; on such a one two servers may not start at once.
            os.rename(temporary, self._folder / MARK_FILE)
        temporary.unlink(missing_ok=True)
        self._sync_folder(self._folder)

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
        self._unsynced_bytes = 0
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
        file = self._file()
        file.write(piece)
        self._unsynced_bytes += len(piece)
        if self._unsynced_bytes >= SYNC_BYTES:
            file.flush()
            self._blobs.sync(file)
            self._unsynced_bytes = 0

    def _discard(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._path.unlink(missing_ok=True)
        self._blobs.path(self._blob_id).unlink(missing_ok=True)
