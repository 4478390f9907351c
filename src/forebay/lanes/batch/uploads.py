"""What callers do with uploads: begin, send parts, look, complete, cancel.

Completing copies nothing: the parts become the file's. An upload that was completed is answered
with its file again, for a caller whose answer got lost has no other way to learn of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable

from forebay.core.clock import Clock, after
from forebay.core.errors import (
    ForebayError,
    InvalidParameter,
    NotFound,
    UploadNotPending,
)
from forebay.core.files import File, expiry_of
from forebay.core.ids import NewId
from forebay.core.uploads import Upload, UploadPart, UploadStatus
from forebay.dialects.turn import JsonObject
from forebay.dialects.uploads import (
    parse_completion,
    parse_upload,
    part_object,
    upload_object,
)
from forebay.lanes.admission import Caller
from forebay.lanes.batch.contents import Contents
from forebay.lanes.orphans import discard, discarded_if_refused
from forebay.store.blobs import BlobMissing, BlobWriter, Extent
from forebay.store.reservations import Birth
from forebay.store.store import Store
from forebay.store.uploads import UploadClosed

UPLOAD = "upload_"
PART = "part_"
LIFE_S = 3600.0
MAX_PART_BYTES = 64 * 1024 * 1024


class UploadDesk:
    """The use cases of uploads."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        new_id: NewId,
        max_upload_bytes: int,
        max_part_bytes: int = MAX_PART_BYTES,
    ) -> None:
        self._store = store
        self._contents = Contents(store)
        self._clock = clock
        self._new_id = new_id
        self._max_upload_bytes = max_upload_bytes
        self._max_part_bytes = max_part_bytes

    async def create(self, caller: Caller, body: JsonObject, *, birth: Birth) -> JsonObject:
        """Begin an upload, durably, and return it as `pending`."""
        shape = parse_upload(body, max_bytes=self._max_upload_bytes)
        now = self._clock.now()
        upload = Upload(
            id=birth.id,
            project_id=caller.project_id,
            key_id=caller.key_id,
            filename=shape.filename,
            purpose=shape.purpose,
            mime_type=shape.mime_type,
            size_bytes=shape.bytes,
            status=UploadStatus.PENDING,
            created_at=now,
            expires_at=after(now, LIFE_S),
            file_expires_after_s=shape.file_expires_after_s,
        )
        await self._store.uploads.add(upload, first=birth.first)
        return await self._shown(upload)

    async def get(self, caller: Caller, upload_id: str) -> JsonObject:
        """Return the upload, with its file once it is completed."""
        return await self._shown(await self._find(caller, upload_id))

    async def check_pending(self, caller: Caller, upload_id: str) -> None:
        """Raise `NotFound` or `UploadNotPending` for an upload that takes no parts."""
        self._check_pending(await self._find(caller, upload_id))

    async def receive(self, pieces: AsyncIterator[bytes]) -> BlobWriter:
        """Write what comes to a blob that is not committed yet; raises `BodyTooLarge`."""
        return await self._contents.receive(pieces, max_bytes=self._max_part_bytes)

    async def add_part(
        self, caller: Caller, upload_id: str, writer: BlobWriter, *, birth: Birth
    ) -> JsonObject:
        """Make a part of what was received: durable when this returns."""
        try:
            blob = await writer.commit()
        except BaseException:
            await writer.abandon()
            raise
        part = UploadPart(
            id=birth.id,
            upload_id=upload_id,
            blob_id=blob.id,
            size_bytes=blob.size_bytes,
            created_at=self._clock.now(),
        )
        try:
            async with discarded_if_refused(self._store.blobs, blob.id):
                await self._store.uploads.add_part(
                    part, max_bytes=self._max_upload_bytes, first=birth.first
                )
        except UploadClosed:
            raise self._closed(await self._find(caller, upload_id)) from None
        return part_object(part)

    async def part(self, caller: Caller, upload_id: str, part_id: str) -> JsonObject:
        """Return a part of an upload that is pending; raises `NotFound` for any other."""
        upload = await self._find(caller, upload_id)
        for part in await self._store.uploads.parts(upload.id):
            if part.id == part_id:
                return part_object(part)
        raise NotFound(f"No such part: {part_id}")

    async def complete(
        self, caller: Caller, upload_id: str, body: JsonObject, *, birth: Birth
    ) -> JsonObject:
        """Make a file of the named parts, durably, and return the upload with it."""
        shape = parse_completion(body)
        # In this order: an upload that is pending by now had all these parts.
        there = await self._store.uploads.parts(upload_id)
        upload = await self._find(caller, upload_id)
        if upload.status is not UploadStatus.COMPLETED:
            self._check_pending(upload)
            parts = _named(there, shape.part_ids)
            await self._check_content(caller, upload, parts, shape.md5)
            ending = self._store.uploads.complete(
                upload, self._file(upload, birth.id), parts, first=birth.first
            )
            await self._end(caller, upload_id, UploadStatus.COMPLETED, ending)
        return await self.get(caller, upload_id)

    async def cancel(self, caller: Caller, upload_id: str) -> JsonObject:
        """Forget what was uploaded; to cancel again changes nothing."""
        upload = await self._find(caller, upload_id)
        if upload.status is not UploadStatus.CANCELLED:
            self._check_pending(upload)
            ending = self._store.uploads.cancel(upload_id)
            await self._end(caller, upload_id, UploadStatus.CANCELLED, ending)
        return await self.get(caller, upload_id)

    async def _end(
        self,
        caller: Caller,
        upload_id: str,
        status: UploadStatus,
        ending: Awaitable[list[str]],
    ) -> None:
        """Await the end and delete what it leaves; that another call was faster is as good."""
        try:
            forgotten = await ending
        except UploadClosed:
            upload = await self._find(caller, upload_id)
            if upload.status is not status:
                raise self._closed(upload) from None
            return
        await discard(self._store.blobs, forgotten)

    async def _check_content(
        self, caller: Caller, upload: Upload, parts: list[UploadPart], md5: str | None
    ) -> None:
        size_bytes = sum(part.size_bytes for part in parts)
        if size_bytes != upload.size_bytes:
            raise InvalidParameter(
                f"The parts have {size_bytes} bytes together, the upload {upload.size_bytes}.",
                param="part_ids",
            )
        if md5 is None:
            return
        try:
            found = await self._md5(parts)
        except BlobMissing:
            # Somebody has cancelled it meanwhile, or its time ran out; or else the bytes are lost.
            self._check_pending(await self._find(caller, upload.id))
            raise
        if found != md5.lower():
            raise InvalidParameter(f"The MD5 of the parts together is {found}.", param="md5")

    async def _md5(self, parts: list[UploadPart]) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        extents = [Extent(part.blob_id, 0, part.size_bytes) for part in parts]
        async for piece in self._contents.pieces(extents):
            await asyncio.to_thread(digest.update, piece)
        return digest.hexdigest()

    def _file(self, upload: Upload, file_id: str) -> File:
        now = self._clock.now()
        return File(
            id=file_id,
            project_id=upload.project_id,
            purpose=upload.purpose,
            filename=upload.filename,
            size_bytes=upload.size_bytes,
            sha256=None,
            blob_id=None,
            created_at=now,
            expires_at=expiry_of(upload.purpose, upload.file_expires_after_s, created_at=now),
        )

    async def _shown(self, upload: Upload) -> JsonObject:
        now, file = self._clock.now(), None
        if upload.file_id is not None:
            file = await self._store.files.get(upload.project_id, upload.file_id)
        if file is not None and file.has_expired(now):
            file = None
        return upload_object(upload, upload.status_at(now), file=file)

    async def _find(self, caller: Caller, upload_id: str) -> Upload:
        upload = await self._store.uploads.get(caller.project_id, upload_id)
        if upload is None:
            raise NotFound(f"No such Upload object: {upload_id}")
        return upload

    def _check_pending(self, upload: Upload) -> None:
        if upload.status_at(self._clock.now()) is not UploadStatus.PENDING:
            raise self._closed(upload)

    def _closed(self, upload: Upload) -> ForebayError:
        """Return why an upload takes nothing any more, or not so much."""
        status = upload.status_at(self._clock.now())
        if status is UploadStatus.PENDING:
            return InvalidParameter(
                f"With this part the upload has more than {self._max_upload_bytes} bytes.",
                param="data",
            )
        return UploadNotPending(f"The upload is {status.value}.", param="upload_id")


def _named(there: list[UploadPart], part_ids: list[str]) -> list[UploadPart]:
    """Return the parts of these ids, in this order; each of them once."""
    by_id = {part.id: part for part in there}
    for place, (part_id, count) in enumerate(Counter(part_ids).items()):
        if count > 1:
            raise InvalidParameter(f"The part '{part_id}' is named twice.", param="part_ids")
        if part_id not in by_id:
            raise InvalidParameter(
                f"The upload has no part '{part_id}'.", param=f"part_ids[{place}]"
            )
    return [by_id[part_id] for part_id in part_ids]
