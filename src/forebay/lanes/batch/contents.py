"""What files hold, as stretches of blobs: one blob, the parts of an upload, or a batch's results.

The results of a running batch grow at their end alone, so whatever was read of them stays true.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from forebay.core.batches import is_final
from forebay.core.errors import BodyTooLarge, NotFound
from forebay.core.files import File, FilePart
from forebay.store.blobs import BlobWriter, Extent
from forebay.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds at one moment; every extent has a size.

    Of a batch's results the lines of each extent are known. Content that `is_growing` may have more
    behind it the next time.
    """

    extents: tuple[Extent, ...]
    line_counts: tuple[int, ...] | None = None
    is_growing: bool = False

    @property
    def size_bytes(self) -> int:
        """The size of all of it."""
        return sum(_size(extent) for extent in self.extents)

    @property
    def line_count(self) -> int | None:
        """How many lines it has, if that is known without reading it."""
        return None if self.line_counts is None else sum(self.line_counts)


class Contents:
    """Where the content of files is, and how it is read."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def receive(self, pieces: AsyncIterator[bytes], *, max_bytes: int) -> BlobWriter:
        """Write what comes to a blob that is not committed yet.

        Raises `BodyTooLarge`; whatever is raised, nothing is left behind.
        """
        writer = await self._store.blobs.create()
        size_bytes = 0
        try:
            async for piece in pieces:
                size_bytes += len(piece)
                if size_bytes > max_bytes:
                    raise BodyTooLarge(max_bytes)
                await writer.write(piece)
        except BaseException:
            await writer.abandon()
            raise
        return writer

    async def extents(self, file: File) -> list[Extent]:
        """Return what the file holds now, each with its size; raises `NotFound` as `of` does."""
        return list((await self.of(file)).extents)

    async def of(self, file: File) -> Content:
        """Return what the file holds now.

        Raises `NotFound` for results whose batch is gone.
        """
        if file.blob_id is not None:
            return Content(extents=(Extent(file.blob_id, 0, file.size_bytes),))
        if parts := await self._store.files.parts(file.id):
            return Content(extents=_extents(parts))
        # The batch is read first: what it has recorded by its end is in the chunks read after it.
        batch = await self._store.batches.of_file(file.project_id, file.id)
        if batch is None:
            raise NotFound(f"No such File object: {file.id}")
        kind = "output" if batch.output_file_id == file.id else "error"
        chunks = await self._store.files.result_parts(batch.id, kind=kind)
        return Content(
            extents=_extents(chunks),
            line_counts=tuple(chunk.line_count or 0 for chunk in chunks),
            is_growing=not is_final(batch.status),
        )

    async def pieces(
        self, extents: list[Extent], *, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield `length` bytes from byte `start` on, or all to the end; no other blob is opened.

        Every extent has to know its size.
        """
        left = sum(map(_size, extents)) - start if length is None else length
        for extent in extents:
            size = _size(extent)
            if start >= size:
                start -= size
                continue
            if left <= 0:
                return
            taken = min(size - start, left)
            stretch = Extent(extent.blob_id, extent.offset_bytes + start, taken)
            async for piece in self._store.blobs.read(stretch):
                yield piece
            start, left = 0, left - taken

    async def line_start(self, content: Content, skipped: int) -> int:
        """Return the byte at which the first line behind `skipped` lines begins.

        That is the end when there are no more. Of results one extent is read at most; of any other
        file, all that is skipped.
        """
        start, behind = 0, 0
        for extent, count in zip(content.extents, content.line_counts or (), strict=False):
            if skipped < count:
                break
            skipped -= count
            start += _size(extent)
            behind += 1
        if not skipped:
            return start
        async for piece in self.pieces(list(content.extents[behind:])):
            found = piece.count(b"\n")
            if found >= skipped:
                return start + _after_line(piece, skipped)
            skipped -= found
            start += len(piece)
        return start


def _extents(parts: list[FilePart]) -> tuple[Extent, ...]:
    return tuple(Extent(part.blob_id, 0, part.size_bytes) for part in parts)


def _size(extent: Extent) -> int:
    assert extent.size_bytes is not None, "the extents of a file's content know their sizes"
    return extent.size_bytes


def _after_line(piece: bytes, lines: int) -> int:
    end = 0
    for _ in range(lines):
        end = piece.index(b"\n", end) + 1
    return end
