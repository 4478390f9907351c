"""Blobs in an object store, such as S3: immutable once committed, and durable by then.

A blob is one object; it appears whole when its last request is answered, or not at all. A small one
is one request. A larger one goes up in parts while it is written, and of one that is abandoned the
parts are deleted; only those of a killed process stay, until the bucket's own rule deletes them.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from forebay.core.clock import Instant
from forebay.core.ids import NewId
from forebay.store.blobs import PIECE_BYTES, Blob, BlobMissing, BlobWriter, Extent
from forebay.store.database import StoreFailed
from forebay.store.object_requests import ObjectMissing, asked, open_objects
from forebay.store.object_stretches import Stretches
from forebay.store.object_writer import ObjectWriter, forget

if TYPE_CHECKING:
    from obstore import ListStream, ObjectMeta

MARK = "house"
PROBE = "probe"
READ_BYTES = 4 * 1024 * 1024  # a request: what a reader holds in memory
LISTED = 1000  # objects a request


class ObjectBlobs:
    """Blobs in the object store at a URL, under keys that are spread as in the local folder.

    Raises `StoreFailed` for a URL that cannot be; nothing is asked of the store before `probe`.
    """

    def __init__(self, url: str, *, new_id: NewId, is_http_allowed: bool = False) -> None:
        self._objects = open_objects(url, is_http_allowed=is_http_allowed)
        self._new_id = new_id
        self._stretches = Stretches(self._objects)

    @property
    def is_by_url(self) -> bool:
        """Whether stretches are read by signed URLs, because the store answers as some do."""
        return self._stretches.is_by_url

    async def probe(self) -> None:
        """Keep something, read it and delete it; raises `StoreFailed` when that cannot be done."""
        key, content = f"{PROBE}/{self._new_id('probe_')}", b"forebay"
        await asked(obstore.put_async(self._objects, key, content, use_multipart=False))
        try:
            if await self._stretches.get(key, 1, 3) != content[1:4]:
                raise StoreFailed("the object store gave back something else than was kept")
        finally:
            await forget(self._objects, key)

    async def create(self) -> BlobWriter:
        """Begin a blob."""
        blob_id = self._new_id("blob_")
        return ObjectWriter(self._objects, blob_id, _key(blob_id))

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
        """Return the whole of a stretch; for those known to be small. Raises `BlobMissing`."""
        return b"".join([piece async for piece in self._reads(extent)])

    async def read(self, extent: Extent) -> AsyncIterator[bytes]:
        """Return a stretch in pieces; raises `BlobMissing` before the first."""
        async for part in self._reads(extent):
            for start in range(0, len(part), PIECE_BYTES):
                yield part[start : start + PIECE_BYTES]

    async def _reads(self, extent: Extent) -> AsyncIterator[bytes]:
        """Return the stretch by requests that are short: one may be asked for slowly."""
        key, start = _key(extent.blob_id), extent.offset_bytes
        end = sys.maxsize if extent.size_bytes is None else start + extent.size_bytes
        try:
            if extent.size_bytes is None:
                end = (await asked(obstore.head_async(self._objects, key)))["size"]
            while start < end:
                part = await self._stretches.get(key, start, min(READ_BYTES, end - start))
                if not part:
                    return
                yield part
                start += len(part)
        except ObjectMissing:
            raise BlobMissing(extent.blob_id) from None

    async def delete(self, blob_id: str) -> None:
        """Forget a blob, if it is there."""
        await forget(self._objects, _key(blob_id))

    async def listed(self) -> AsyncIterator[tuple[str, Instant]]:
        """Return every committed blob with the time of its writing, in no order."""
        pages = obstore.list(self._objects, chunk_size=LISTED)
        while page := await asked(_next(pages)):
            for found in page:
                _, _, blob_id = found["path"].rpartition("/")
                if blob_id and found["path"] == _key(blob_id):
                    yield blob_id, Instant(int(found["last_modified"].timestamp() * 1000))

    async def tidy(self, *, before: Instant) -> None:
        """Do nothing: interrupted uploads cannot be listed here, so the bucket has to end them."""

    async def mark(self) -> str | None:
        """Return what `keep_mark` left here."""
        try:
            found = await asked(obstore.get_async(self._objects, MARK))
            return bytes(await asked(found.bytes_async())).decode().strip()
        except ObjectMissing:
            return None

    async def keep_mark(self, mark: str) -> None:
        """Leave a mark, unless there is one.

        Of two that do it at once the first succeeds where the store takes conditions, and the last
        where it does not: so whoever leaves a mark reads it again.
        """
        if await self.mark() is not None:
            return
        content = f"{mark}\n".encode()
        try:
            await obstore.put_async(self._objects, MARK, content, mode="create")
        except AlreadyExistsError:
            return
        except (BaseError, OSError, ValueError):
            # The store refuses conditions, or failed: the next requests tell which.
            if await self.mark() is None:
                await asked(obstore.put_async(self._objects, MARK, content, use_multipart=False))

    def close(self) -> None:
        """Nothing is held open."""


def _key(blob_id: str) -> str:
    return f"{blob_id[-2:]}/{blob_id}"


async def _next(pages: ListStream[Sequence[ObjectMeta]]) -> Sequence[ObjectMeta]:
    """Return the next page, or an empty one at the end."""
    async for page in pages:
        return page
    return ()
