"""What callers do with files: upload, look, list, read, delete.

The files that Message Batches keep for themselves are not there, whoever asks for them by id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from forebay.core.clock import Clock
from forebay.core.errors import NotFound
from forebay.core.files import File, expiry_of
from forebay.core.ids import NewId
from forebay.dialects.files import (
    check_listed_purpose,
    check_name,
    check_new_file,
    file_object,
    page,
)
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.contents import Content, Contents
from forebay.lanes.orphans import discard, discarded_if_refused
from forebay.store.blobs import BlobMissing, BlobWriter
from forebay.store.reservations import Birth
from forebay.store.store import Store

FILE = "file-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file holds at one moment behind the lines that are skipped: from byte `start` on.

    Of a batch's results the number of the last line is known, counted from 1 over the whole file.
    """

    file_id: str
    content: Content
    start: int
    last_line: int | None

    @property
    def size_bytes(self) -> int:
        """How much there is to read."""
        return self.content.size_bytes - self.start


class FileDesk:
    """The use cases of files."""

    def __init__(self, store: Store, *, clock: Clock, new_id: NewId, max_file_bytes: int) -> None:
        self._store = store
        self._contents = Contents(store)
        self._clock = clock
        self._new_id = new_id
        self._max_file_bytes = max_file_bytes

    async def receive(self, pieces: AsyncIterator[bytes]) -> BlobWriter:
        """Write what comes to a blob that is not committed yet; raises `BodyTooLarge`."""
        return await self._contents.receive(pieces, max_bytes=self._max_file_bytes)

    async def add(
        self,
        caller: Caller,
        writer: BlobWriter,
        *,
        filename: str,
        purpose: str,
        expires_after_s: int | None,
        birth: Birth | None = None,
    ) -> JsonObject:
        """Make a file of what was received: durable when this returns."""
        try:
            check_new_file(purpose, expires_after_s)
            check_name(filename, param="file")
            blob = await writer.commit()
        except BaseException:
            await writer.abandon()
            raise
        birth = birth or Birth(id=self._new_id(FILE))
        now = self._clock.now()
        file = File(
            id=birth.id,
            project_id=caller.project_id,
            purpose=purpose,
            filename=filename,
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            blob_id=blob.id,
            created_at=now,
            expires_at=expiry_of(purpose, expires_after_s, created_at=now),
        )
        async with discarded_if_refused(self._store.blobs, blob.id):
            await self._store.files.add(file, first=birth.first)
        return file_object(file)

    async def get(self, caller: Caller, file_id: str) -> JsonObject:
        """Return the file's object."""
        return file_object(await self._find(caller, file_id))

    async def page(
        self,
        caller: Caller,
        *,
        purpose: str | None,
        after: str | None,
        limit: int,
        is_oldest_first: bool = False,
    ) -> JsonObject:
        """Return a page of the project's live files; raises `InvalidParameter` for no purpose."""
        if purpose is not None:
            check_listed_purpose(purpose)
        found = await self._store.files.page(
            caller.project_id,
            purpose=purpose,
            after=after,
            limit=limit + 1,
            is_oldest_first=is_oldest_first,
        )
        return page([file_object(file) for file in found[:limit]], has_more=len(found) > limit)

    async def open(self, caller: Caller, file_id: str, *, skipped: int = 0) -> Reading:
        """Return what the file holds now behind its first `skipped` lines."""
        file = await self._find(caller, file_id)
        content = await self._contents.of(file)
        with _none_missing(file_id):
            start = await self._contents.line_start(content, skipped)
        lines = content.line_count
        return Reading(
            file_id=file_id,
            content=content,
            start=start,
            last_line=None if lines is None else max(lines, skipped),
        )

    async def read(
        self, reading: Reading, *, start: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        """Return so many bytes of a reading, from its byte `start` on, in pieces.

        Raises `NotFound` if the first of them are gone; that later ones are breaks off the reading.
        """
        pieces = self._contents.pieces(
            list(reading.content.extents), start=reading.start + start, length=length
        )
        with _none_missing(reading.file_id):
            first = await anext(pieces, b"")
        return _joined(first, pieces)

    async def delete(self, caller: Caller, file_id: str) -> JsonObject:
        """Forget the file."""
        await self._find(caller, file_id)
        was_there, orphans = await self._store.files.delete(caller.project_id, file_id)
        if not was_there:
            raise _unknown(file_id)
        await discard(self._store.blobs, orphans)
        return {"id": file_id, "object": "file", "deleted": True}

    async def _find(self, caller: Caller, file_id: str) -> File:
        file = await self._store.files.get(caller.project_id, file_id)
        if file is None or file.is_hidden or file.has_expired(self._clock.now()):
            raise _unknown(file_id)
        return file


@contextmanager
def _none_missing(file_id: str) -> Iterator[None]:
    """Raise `NotFound` for bytes that are gone: the file was deleted just now, or they are lost."""
    try:
        yield
    except BlobMissing:
        raise _unknown(file_id) from None


def _unknown(file_id: str) -> NotFound:
    return NotFound(f"No such File object: {file_id}")


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if first:
        yield first
    async for piece in rest:
        yield piece
