"""The requests of a body that may be far larger than memory: written to a blob as they come.

All of it happens on the event loop, in steps of a few kilobytes between which others get their
turn; only a single request of many megabytes is looked at in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from forebay.core.errors import BodyTooLarge
from forebay.dialects.array_splitter import ArraySplitter
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.lines import LineSplitter
from forebay.store.blobs import Blobs, BlobWriter, Extent

REQUESTS = "requests"
MAX_REQUEST_BYTES = 32 * 1024 * 1024
MAX_FIELDS_BYTES = 1024 * 1024
MAX_LINE_BYTES = 2 * MAX_REQUEST_BYTES  # more than a request and what a line has beside it
STEP_BYTES = 4096
WRITE_BYTES = 256 * 1024
TURN_S = 0.002


class RequestForm(Protocol):
    """How one body's requests are checked, and written as lines."""

    def begin(self, before: JsonObject) -> None:
        """Take note of the fields that came before the requests."""
        ...

    def line(self, number: int, element: bytes) -> bytes:
        """Return a request's line, with its line feed; raises `RequestRejected`.

        Requests come in their order; `number` counts from 0.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A body that has come, its requests in a blob that is not committed yet.

    `fields` are the others of the body, unless its requests are no list: then they are there, too.
    """

    fields: JsonObject
    count: int
    has_list: bool
    writer: BlobWriter

    async def abandon(self) -> None:
        """Leave nothing of it behind."""
        await self.writer.abandon()


class RequestSpool:
    """Takes bodies of at most so many bytes."""

    def __init__(
        self,
        blobs: Blobs,
        *,
        max_bytes: int,
        max_fields_bytes: int = MAX_FIELDS_BYTES,
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._max_fields_bytes = max_fields_bytes
        self._max_request_bytes = max_request_bytes

    async def receive(self, pieces: AsyncIterator[bytes], form: RequestForm) -> Spooled:
        """Spool the body; whatever goes wrong leaves no blob behind.

        Raises `RequestRejected` as the form and `ArraySplitter` do, and what `pieces` raises.
        """
        splitter = ArraySplitter(
            REQUESTS,
            max_element_bytes=self._max_request_bytes,
            max_rest_bytes=self._max_fields_bytes,
        )
        writer = await self._blobs.create()
        try:
            count = await self._spool(pieces, splitter, form, LineWriter(writer))
            fields = splitter.end()
            if splitter.has_array:
                del fields[REQUESTS]
        except BaseException:
            await writer.abandon()
            raise
        return Spooled(fields=fields, count=count, has_list=splitter.has_array, writer=writer)

    async def _spool(
        self,
        pieces: AsyncIterator[bytes],
        splitter: ArraySplitter,
        form: RequestForm,
        lines: LineWriter,
    ) -> int:
        turn = Turn()
        count = size_bytes = 0
        async for piece in pieces:
            size_bytes += len(piece)
            if size_bytes > self._max_bytes:
                raise BodyTooLarge(self._max_bytes)
            for at in range(0, len(piece), STEP_BYTES):
                for element in splitter.feed(piece[at : at + STEP_BYTES]):
                    if count == 0:
                        form.begin(splitter.before())
                    await lines.add(form.line(count, element))
                    count += 1
                await turn.pass_on()
        await lines.flush()
        return count


class LineWriter:
    """Writes lines to a blob, many at a time: each write is a trip to another thread."""

    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer
        self._lines: list[bytes] = []
        self._size_bytes = 0

    async def add(self, line: bytes) -> None:
        """Write this line, now or later."""
        self._lines.append(line)
        self._size_bytes += len(line)
        if self._size_bytes >= WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what was added."""
        if self._lines:
            await self._writer.write(b"".join(self._lines))
        self._lines = []
        self._size_bytes = 0


class Turn:
    """A turn on the event loop, which long work passes on when it has had it for a moment."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._since_s = self._loop.time()

    async def pass_on(self) -> None:
        """Let others run, if it is their turn."""
        if self._loop.time() - self._since_s >= TURN_S:
            await asyncio.sleep(0)
            self._since_s = self._loop.time()


async def spooled_lines(blobs: Blobs, blob_id: str) -> AsyncIterator[bytes]:
    """Yield the lines of a spooled blob, without their line feeds."""
    splitter, turn = LineSplitter(max_bytes=MAX_LINE_BYTES), Turn()
    async for piece in blobs.read(Extent(blob_id)):
        for line in splitter.feed(piece):
            yield line
            await turn.pass_on()
