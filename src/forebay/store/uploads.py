"""Uploads and their parts: who may change what.

An upload leaves `pending` once, by a guarded update, and in that transaction its parts become those
of a file or are forgotten. A part is added under the same guard: none is left behind by an end. The
blobs that nothing names any more are told to the caller, who deletes them after the commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from forebay.core.clock import Clock
from forebay.core.errors import ForebayError
from forebay.core.files import File
from forebay.core.uploads import Upload, UploadPart, UploadStatus
from forebay.dialects.wire import encode
from forebay.store.database import Database, Operation, Tx
from forebay.store.files import add_file
from forebay.store.records import record


class UploadClosed(ForebayError):
    """The upload does not take this: it has ended, or holds too much; nothing was changed."""

    code = "upload_closed"


class Uploads:
    """The uploads in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, upload: Upload, *, first: Operation[None] | None = None) -> None:
        """Keep a new upload.

        `first` runs in the same transaction before it, and keeps it from happening by raising, here
        as everywhere.
        """

        async def add(tx: Tx) -> None:
            await _begin(tx, first)
            await tx.run(
                "add_upload",
                id=upload.id,
                project_id=upload.project_id,
                key_id=upload.key_id,
                filename=upload.filename,
                purpose=upload.purpose,
                mime_type=upload.mime_type,
                size_bytes=upload.size_bytes,
                created_at=upload.created_at,
                expires_at=upload.expires_at,
                file_expires_after_s=upload.file_expires_after_s,
            )

        await self._database.write(add)

    async def get(self, project_id: str, upload_id: str) -> Upload | None:
        """Return the project's upload of that id."""
        rows = await self._database.read("get_upload", id=upload_id, project_id=project_id)
        return record(rows[0], Upload) if rows else None

    async def parts(self, upload_id: str) -> list[UploadPart]:
        """Return the parts of a pending upload, the oldest first; one that has ended has none."""
        rows = await self._database.read("list_upload_parts", upload_id=upload_id)
        return [record(row, UploadPart) for row in rows]

    async def add_part(
        self, part: UploadPart, *, max_bytes: int, first: Operation[None] | None = None
    ) -> None:
        """Add a part whose blob is there already.

        Raises `UploadClosed` when the upload is not pending, or its parts were more than
        `max_bytes` with it.
        """

        async def add(tx: Tx) -> None:
            await _begin(tx, first)
            taken = await tx.run(
                "grow_upload",
                id=part.upload_id,
                size_bytes=part.size_bytes,
                max_bytes=max_bytes,
                now=self._clock.now(),
            )
            if not taken:
                raise UploadClosed(f"{part.upload_id} takes no part of {part.size_bytes} bytes")
            await tx.run(
                "add_upload_part",
                id=part.id,
                upload_id=part.upload_id,
                blob_id=part.blob_id,
                size_bytes=part.size_bytes,
                created_at=part.created_at,
            )

        await self._database.write(add)

    async def complete(
        self,
        upload: Upload,
        file: File,
        parts: Sequence[UploadPart],
        *,
        first: Operation[None] | None = None,
    ) -> list[str]:
        """End an upload with the file that these of its parts are, in this order.

        Returns the blobs of the parts that are forgotten. Raises `UploadClosed` when the upload is
        not pending any more.
        """
        kept = {part.blob_id for part in parts}
        rows = encode(
            [
                {"ordinal": place, "blob_id": part.blob_id, "size_bytes": part.size_bytes}
                for place, part in enumerate(parts)
            ]
        )

        async def complete(tx: Tx) -> list[str]:
            await _begin(tx, first)
            forgotten = await _end(tx, upload.id, UploadStatus.COMPLETED, file_id=file.id)
            await add_file(tx, file)
            await tx.run("add_file_parts", file_id=file.id, parts=rows.decode())
            return [blob_id for blob_id in forgotten if blob_id not in kept]

        return await self._database.write(complete)

    async def cancel(self, upload_id: str) -> list[str]:
        """Cancel an upload; returns the blobs of its parts.

        Raises `UploadClosed` when it is not pending any more.
        """

        async def cancel(tx: Tx) -> list[str]:
            return await _end(tx, upload_id, UploadStatus.CANCELLED)

        return await self._database.write(cancel)

    async def expire(self) -> list[str]:
        """End some uploads whose expiry has come; returns the blobs of their parts."""
        rows = await self._database.read("list_overdue_uploads", now=self._clock.now())
        overdue = [str(row["id"]) for row in rows]

        async def expire(tx: Tx) -> list[str]:
            forgotten = []
            for upload_id in overdue:
                try:
                    forgotten += await _end(tx, upload_id, UploadStatus.EXPIRED)
                except UploadClosed:
                    continue  # It was completed or cancelled a moment ago.
            return forgotten

        return await self._database.write(expire) if overdue else []


async def _begin(tx: Tx, first: Operation[None] | None) -> None:
    if first is not None:
        await first(tx)


async def _end(
    tx: Tx, upload_id: str, status: UploadStatus, *, file_id: str | None = None
) -> list[str]:
    """End the upload and forget its parts, whose blobs are returned."""
    if not await tx.run("end_upload", id=upload_id, status=status.value, file_id=file_id):
        raise UploadClosed(f"{upload_id} has ended")
    return [str(row["blob_id"]) for row in await tx.run("forget_upload_parts", upload_id=upload_id)]
