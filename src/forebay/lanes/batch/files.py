"""What callers do with files: upload, look, list, read, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator

from forebay.core.clock import Clock, after
from forebay.core.errors import BodyTooLarge, ForebayError, InvalidParameter, NotFound
from forebay.core.files import File
from forebay.core.ids import NewId
from forebay.dialects.files import file_object, page
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.store.blobs import BlobWriter, Extent
from forebay.store.reservations import Birth
from forebay.store.store import Store

FILE = "file-"
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
BATCH_FILE_LIFE_S = 30 * 86_400.0
MIN_EXPIRY_S = 3600
MAX_EXPIRY_S = 2_592_000


class FileDesk:
    """The use cases of files."""

    def __init__(self, store: Store, *, clock: Clock, new_id: NewId, max_file_bytes: int) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._max_file_bytes = max_file_bytes

    async def receive(self, pieces: AsyncIterator[bytes]) -> BlobWriter:
        """Write what comes to a blob that is not committed yet; raises `BodyTooLarge`."""
        writer = await self._store.blobs.create()
        size_bytes = 0
        try:
            async for piece in pieces:
                size_bytes += len(piece)
                if size_bytes > self._max_file_bytes:
                    raise BodyTooLarge(self._max_file_bytes)
                await writer.write(piece)
        except BaseException:
            await writer.abandon()
            raise
        return writer

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
            _check(purpose, expires_after_s)
            blob = await writer.commit()
        except BaseException:
            await writer.abandon()
            raise
        birth = birth or Birth(id=self._new_id(FILE))
        now = self._clock.now()
        life_s = expires_after_s or (BATCH_FILE_LIFE_S if purpose == "batch" else None)
        file = File(
            id=birth.id,
            project_id=caller.project_id,
            purpose=purpose,
            filename=filename,
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            blob_id=blob.id,
            created_at=now,
            expires_at=None if life_s is None else after(now, life_s),
        )
        try:
            await self._store.files.add(file, first=birth.first)
        except ForebayError:
            await self._store.blobs.delete(blob.id)
            raise
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
        """Return a page of the project's live files."""
        found = await self._store.files.page(
            caller.project_id,
            purpose=purpose,
            after=after,
            limit=limit + 1,
            is_oldest_first=is_oldest_first,
        )
        return page([file_object(file) for file in found[:limit]], has_more=len(found) > limit)

    async def content(self, caller: Caller, file_id: str) -> AsyncIterator[bytes]:
        """Return the file's bytes in pieces; a batch's output is its chunks, in order."""
        file = await self._find(caller, file_id)
        if file.blob_id is not None:
            return self._store.blobs.read(Extent(file.blob_id))
        batch = await self._store.batches.of_file(caller.project_id, file.id)
        if batch is None:
            raise NotFound(f"No such File object: {file_id}")
        kind = "output" if batch.output_file_id == file.id else "error"
        chunks = await self._store.segments.chunks(batch.id, kind=kind)
        return self._pieces([chunk.blob_id for chunk in chunks])

    async def delete(self, caller: Caller, file_id: str) -> JsonObject:
        """Forget the file."""
        was_there, orphan = await self._store.files.delete(caller.project_id, file_id)
        if not was_there:
            raise NotFound(f"No such File object: {file_id}")
        if orphan is not None:
            await self._store.blobs.delete(orphan)
        return {"id": file_id, "object": "file", "deleted": True}

    async def _pieces(self, blob_ids: list[str]) -> AsyncIterator[bytes]:
        for blob_id in blob_ids:
            async for piece in self._store.blobs.read(Extent(blob_id)):
                yield piece

    async def _find(self, caller: Caller, file_id: str) -> File:
        file = await self._store.files.get(caller.project_id, file_id)
        if file is None or file.has_expired(self._clock.now()):
            raise NotFound(f"No such File object: {file_id}")
        return file


def _check(purpose: str, expires_after_s: int | None) -> None:
    if purpose not in PURPOSES:
        names = ", ".join(f"'{name}'" for name in PURPOSES)
        raise InvalidParameter(
            f"Invalid value: '{purpose}'. Supported values are: {names}.", param="purpose"
        )
    if expires_after_s is not None and not MIN_EXPIRY_S <= expires_after_s <= MAX_EXPIRY_S:
        raise InvalidParameter(
            f"Expected between {MIN_EXPIRY_S} and {MAX_EXPIRY_S} seconds.",
            param="expires_after.seconds",
        )
