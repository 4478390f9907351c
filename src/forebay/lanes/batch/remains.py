"""The remains of batches: what is deleted of one that has ended, and when.

A batch whose file of results is gone, deleted or expired, loses the results; one that has neither
file any more loses its plan, too, and only its row stays. One that its owner deleted goes
altogether. Blobs go before the rows that name them, so after a crash what was left is found again;
so is what could not be deleted, an hour later.
"""

from __future__ import annotations

from forebay.core.clock import Clock, Instant, after
from forebay.core.files import MESSAGE_BATCH
from forebay.lanes.orphans import discard, forget
from forebay.lanes.wake import log_failure
from forebay.store.database import StoreFailed
from forebay.store.remains import Ended
from forebay.store.store import Store

EVERY_S = 3600.0
PAGE = 100  # batches
STEP = 500  # rows


class BatchRemains:
    """Goes through the batches that have ended once an hour, some at each step."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._due_at = Instant(0)
        self._after = ""

    async def step(self) -> bool:
        """Delete some of what is over, if it is time to; returns whether to look again now."""
        now = self._clock.now()
        if now < self._due_at:
            return False
        found = await self._store.remains.page(after=self._after, limit=PAGE)
        for batch in found:
            try:
                if await self._reduce(batch):
                    return True
            except StoreFailed as error:
                # What cannot be deleted holds up no other batch, and one failure is enough a step.
                log_failure("deleting what remains of a batch", error, batch_id=batch.id)
                self._after = batch.id
                return True
            self._after = batch.id
        if len(found) < PAGE:
            self._after = ""
            self._due_at = after(now, EVERY_S)
        return len(found) == PAGE

    async def _reduce(self, batch: Ended) -> bool:
        """Delete a part of what is to go of a batch; returns whether there may be more of it."""
        remains, blobs = self._store.remains, self._store.blobs
        for kind in batch.spent_kinds:
            chunks = await remains.chunks(batch.id, kind, limit=STEP)
            if chunks.ids:
                await forget(blobs, chunks.blob_ids)
                await remains.forget_chunks(chunks)
                return True
        if len(batch.spent_kinds) < 2:
            return False
        segments = await remains.segments(batch.id, limit=STEP)
        if segments.ids:
            await forget(blobs, segments.blob_ids)
            await remains.forget_segments(segments)
            return True
        if batch.index_blob_id is not None:
            await blobs.delete(batch.index_blob_id)
        if batch.is_deleted:
            await self._forget(batch)
        else:
            await remains.clear(batch.id)
        return False

    async def _forget(self, batch: Ended) -> None:
        """Delete the row, and the files that nobody can see."""
        for file_id in (batch.output_file_id, batch.error_file_id, batch.input_file_id):
            file = file_id and await self._store.files.get(batch.project_id, file_id)
            # A file that was uploaded is its owner's, who may make another batch of it.
            if file and (file.purpose == MESSAGE_BATCH or file.id != batch.input_file_id):
                _, orphans = await self._store.files.delete(batch.project_id, file.id)
                await discard(self._store.blobs, orphans)
        await self._store.remains.forget(batch.id)
