"""The results of a Message Batch that has ended before it was begun: made when they are read.

It was cancelled, or ran out of time, before its requests were planned: none has a recorded result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Instant
from forebay.core.errors import ForebayError, NotFound
from forebay.core.ids import NewId
from forebay.dialects.batch_lines import LINE_FORMS
from forebay.dialects.errors import anthropic_error
from forebay.dialects.message_batches import has_expired_unbegun
from forebay.lanes.batch.request_spool import spooled_lines
from forebay.store.store import Store

LINES_A_PIECE = 256


class _Named(msgspec.Struct):
    custom_id: str


_decoder = msgspec.json.Decoder(_Named)


class UnbegunResults:
    """Makes one result for each request, of the file that has them."""

    def __init__(self, store: Store, *, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    async def lines(self, batch: Batch, *, now: Instant) -> AsyncIterator[bytes]:
        """Return the lines in pieces; raises `NotFound` when the requests are gone."""
        file = await self._store.files.get(batch.project_id, batch.input_file_id)
        if file is None or file.blob_id is None or file.has_expired(now):
            raise NotFound(f"Message Batch {batch.id} has no available results.")
        return self._written(file.blob_id, self._result(batch))

    async def _written(self, blob_id: str, result: Callable[[str], bytes]) -> AsyncIterator[bytes]:
        found: list[bytes] = []
        async for line in spooled_lines(self._store.blobs, blob_id):
            found.append(result(_decoder.decode(line).custom_id))
            if len(found) == LINES_A_PIECE:
                yield b"".join(found)
                found = []
        yield b"".join(found)

    def _result(self, batch: Batch) -> Callable[[str], bytes]:
        form = LINE_FORMS[batch.api]
        if batch.status is BatchStatus.CANCELLED:
            return lambda custom_id: form.cancelled(line_id="", custom_id=custom_id)
        if has_expired_unbegun(batch):
            return lambda custom_id: form.expired(line_id="", custom_id=custom_id)
        reply = anthropic_error(
            ForebayError("The batch could not be begun."), request_id=self._new_id("req_")
        )
        return lambda custom_id: form.refused(
            line_id="", custom_id=custom_id, request_id="", status=reply.status, body=reply.body
        )
