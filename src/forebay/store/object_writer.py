"""One object while it is written: kept back until it is too large for one request, then sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import Enum, auto

import obstore
from obstore.store import ObjectStore

from forebay.store.blobs import Blob
from forebay.store.database import StoreFailed
from forebay.store.object_requests import ObjectMissing, asked

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
LUMP_BYTES = 1024 * 1024  # what is handed over at a time
HASHED_AT_ONCE = 256 * 1024  # more holds up the event loop, so a thread does it


class _End(Enum):
    """What follows the last lump that is sent."""

    WHOLE = auto()
    ABANDONED = auto()


class _Abandoned(Exception):
    """Ends an upload, so that its parts are deleted."""


class ObjectWriter:
    """A blob that is being written; it holds a few parts in memory at most."""

    def __init__(self, objects: ObjectStore, blob_id: str, key: str) -> None:
        self._objects = objects
        self._blob_id = blob_id
        self._key = key
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._size_bytes = 0
        self._hash = hashlib.sha256()
        self._handed: asyncio.Queue[bytes | _End] = asyncio.Queue(1)
        self._sending: asyncio.Task[object] | None = None
        self._is_committing = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far, hexadecimal."""
        return self._hash.hexdigest()

    async def write(self, piece: bytes) -> None:
        """Add bytes at the end."""
        self._size_bytes += len(piece)
        self._gathered.append(piece)
        self._gathered_bytes += len(piece)
        if len(piece) > HASHED_AT_ONCE:
            await asyncio.to_thread(self._hash.update, piece)
        else:
            self._hash.update(piece)
        if self._gathered_bytes >= (PART_BYTES if self._sending is None else LUMP_BYTES):
            self._sending = self._sending or asyncio.create_task(self._send_parts())
            await self._hand_over(self._taken())

    async def commit(self) -> Blob:
        """Make the blob durable; it can be read from now on."""
        self._is_committing = True
        rest = self._taken()
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_whole(rest))
        else:
            if rest:
                await self._hand_over(rest)
            await self._hand_over(_End.WHOLE)
        # A commit that is cancelled goes on, until `abandon` has seen its end.
        await asyncio.shield(self._sending)
        return Blob(id=self._blob_id, size_bytes=self._size_bytes, sha256=self.sha256)

    async def abandon(self) -> None:
        """Leave nothing behind, not even of a commit that was cancelled or failed.

        What a store that does not answer keeps nonetheless is named by nobody, and swept.
        """
        self._taken()
        if self._sending is None:
            return
        with suppress(StoreFailed, _Abandoned):
            await self._hand_over(_End.ABANDONED)
            await self._sending
        if self._is_committing:
            with suppress(StoreFailed):
                await forget(self._objects, self._key)

    def _taken(self) -> bytes:
        taken = b"".join(self._gathered)
        self._gathered, self._gathered_bytes = [], 0
        return taken

    async def _hand_over(self, lump: bytes | _End) -> None:
        """Give a lump to who sends them, or raise what that ended with."""
        assert self._sending is not None
        handing = asyncio.ensure_future(self._handed.put(lump))
        try:
            await asyncio.wait((handing, self._sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            handing.cancel()
        if self._sending.done():
            self._sending.result()

    async def _send_whole(self, content: bytes) -> None:
        sending = obstore.put_async(self._objects, self._key, content, use_multipart=False)
        await asked(sending)

    async def _send_parts(self) -> None:
        sending = obstore.put_async(
            self._objects,
            self._key,
            self._lumps(),
            use_multipart=True,
            chunk_size=PART_BYTES,
            max_concurrency=PARTS_AT_ONCE,
        )
        await asked(sending)

    async def _lumps(self) -> AsyncIterator[bytes]:
        while isinstance(lump := await self._handed.get(), bytes):
            yield lump
        if lump is _End.ABANDONED:
            raise _Abandoned


async def forget(objects: ObjectStore, key: str) -> None:
    """Delete an object, if it is there."""
    with suppress(ObjectMissing):
        await asked(obstore.delete_async(objects, key))
