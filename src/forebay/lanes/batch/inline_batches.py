"""Batches whose requests are in the body that makes them: the body becomes the batch's input file.

The file is one of the caller's, that can be read, listed and used again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from forebay.core.clock import Clock
from forebay.core.errors import RequestRejected
from forebay.core.files import File, expiry_of
from forebay.core.ids import NewId
from forebay.dialects.batches import parse_batch
from forebay.dialects.inline_requests import InlineRequests, check_source, moved
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.files import FILE
from forebay.lanes.batch.message_batches import with_file
from forebay.lanes.batch.request_spool import (
    MAX_FIELDS_BYTES,
    LineWriter,
    RequestSpool,
    Spooled,
    spooled_lines,
)
from forebay.lanes.orphans import discard
from forebay.store.blobs import Blob
from forebay.store.reservations import Birth, KeyTaken
from forebay.store.store import Store

PURPOSE = "batch"


class InlineBatches:
    """Makes batches of a body with requests, or of one that names their file."""

    def __init__(
        self,
        store: Store,
        batches: BatchDesk,
        *,
        clock: Clock,
        new_id: NewId,
        max_requests: int,
        max_bytes: int,
        max_fields_bytes: int,
    ) -> None:
        self._store = store
        self._batches = batches
        self._clock = clock
        self._new_id = new_id
        self._max_requests = max_requests
        self._spool = RequestSpool(
            store.blobs,
            max_bytes=max_bytes,
            max_fields_bytes=min(max_fields_bytes, MAX_FIELDS_BYTES),
        )

    async def receive(self, pieces: AsyncIterator[bytes]) -> Spooled:
        """Spool the body of a new batch; raises `RequestRejected` that names what is wrong."""
        requests = InlineRequests(max_requests=self._max_requests)
        spooled = await self._spool.receive(pieces, requests)
        try:
            url = spooled.fields.get("endpoint")
            if spooled.count and isinstance(url, str) and url != requests.url:
                return await self._moved(spooled, url)
        except BaseException:
            await spooled.abandon()
            raise
        return spooled

    async def create(self, caller: Caller, spooled: Spooled, *, birth: Birth) -> JsonObject:
        """Keep a batch, with its input file if it came with the body, and return the batch.

        Whatever is raised, nothing is left of what was spooled, unless a batch may be kept.
        """
        fields = spooled.fields
        try:
            if not check_source(fields, has_list=spooled.has_list, count=spooled.count):
                await spooled.abandon()
                return await self._batches.create(caller, fields, birth=birth)
            file_id = self._new_id(FILE)
            wanted = fields | {"input_file_id": file_id}
            parse_batch(wanted)
            blob = await spooled.writer.commit()
        except BaseException:
            await spooled.abandon()
            raise
        file = self._input_file(caller, blob, file_id, batch_id=birth.id)
        kept_with = Birth(id=birth.id, first=with_file(birth.first, file))
        try:
            return await self._batches.create(caller, wanted, birth=kept_with)
        except (RequestRejected, KeyTaken):
            # Of these it is certain that nothing was kept. Anything else may have come behind the
            # commit, or in the place of its answer.
            await discard(self._store.blobs, [blob.id])
            raise

    def _input_file(self, caller: Caller, blob: Blob, file_id: str, *, batch_id: str) -> File:
        now = self._clock.now()
        return File(
            id=file_id,
            project_id=caller.project_id,
            purpose=PURPOSE,
            filename=f"{batch_id}_input.jsonl",
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            blob_id=blob.id,
            created_at=now,
            expires_at=expiry_of(PURPOSE, None, created_at=now),
        )

    async def _moved(self, spooled: Spooled, url: str) -> Spooled:
        """Return the body with lines that name its endpoint, which came behind them."""
        blobs = self._store.blobs
        blob = await spooled.writer.commit()
        try:
            writer = await blobs.create()
            try:
                lines = LineWriter(writer)
                async for line in spooled_lines(blobs, blob.id):
                    await lines.add(moved(line, url=url))
                await lines.flush()
            except BaseException:
                await writer.abandon()
                raise
        finally:
            await discard(blobs, [blob.id])
        return Spooled(
            fields=spooled.fields, count=spooled.count, has_list=spooled.has_list, writer=writer
        )
