"""Single results of batches, found by their custom ids, also while the batch runs."""

from __future__ import annotations

from forebay.core.batches import Batch, BatchStatus, is_final
from forebay.core.clock import Clock
from forebay.core.errors import NotFound, ResultNotReady
from forebay.lanes.admission import Caller
from forebay.lanes.batch.batches import found
from forebay.lanes.batch.forecast import Forecasts
from forebay.lanes.batch.line_index import find, index_extent
from forebay.store.blobs import BlobMissing, Extent
from forebay.store.chunks import ChunkRecord
from forebay.store.store import Store

SOONEST_S = 1.0
LATEST_S = 60.0


class SingleResults:
    """Reads single results."""

    def __init__(self, store: Store, forecasts: Forecasts, *, clock: Clock) -> None:
        self._store = store
        self._forecasts = forecasts
        self._clock = clock

    async def get(self, caller: Caller, batch_id: str, custom_id: str) -> bytes:
        """Return the line of the result as its file holds it, without its end.

        Raises `NotFound` for an id that the batch does not have and for a result that is kept no
        longer, and `ResultNotReady` before there is one.
        """
        batch = await found(self._store, caller, batch_id)
        if batch.status is BatchStatus.VALIDATING:
            raise await self._too_early(batch, "it is still being validated")
        try:
            chunk, number = await self._chunk(batch, custom_id)
            await self._check_kept(caller, batch, chunk)
            content = await self._store.blobs.get(Extent(chunk.blob_id, 0, chunk.size_bytes))
        except BlobMissing:
            raise _gone(batch) from None
        return content.split(b"\n")[chunk.numbers.index(number)]

    async def _chunk(self, batch: Batch, custom_id: str) -> tuple[ChunkRecord, int]:
        """Return the chunk with the result, and the number of its line in its segment."""
        if batch.status is BatchStatus.FAILED:
            raise NotFound(f"Batch '{batch.id}' failed validation, so it has no results.")
        if batch.index_blob_id is None:
            raise _gone(batch)
        index = index_extent(batch.index_blob_id, lines=batch.total_count)
        place = await find(self._store.blobs, index, custom_id)
        if place is None:
            raise NotFound(f"No request with custom_id '{custom_id}' is in batch '{batch.id}'.")
        ordinal, number = place
        segment = await self._store.segments.at(batch.id, ordinal)
        chunks = [] if segment is None else await self._store.segments.chunks_of(segment.id)
        for chunk in chunks:
            if number in chunk.numbers:
                return chunk, number
        if segment is None or is_final(batch.status):
            raise _gone(batch)
        raise await self._too_early(batch, f"the request '{custom_id}' has no result yet")

    async def _check_kept(self, caller: Caller, batch: Batch, chunk: ChunkRecord) -> None:
        """Raise `NotFound` when the file that the result belongs to was deleted, or has expired."""
        # The first chunk of a kind may have made its file after the batch was read.
        latest = await found(self._store, caller, batch.id)
        file_id = latest.output_file_id if chunk.kind == "output" else latest.error_file_id
        assert file_id is not None, "a chunk is recorded with its file"
        file = await self._store.files.get(batch.project_id, file_id)
        if file is None or file.has_expired(self._clock.now()):
            raise _gone(batch)

    async def _too_early(self, batch: Batch, why: str) -> ResultNotReady:
        forecast = await self._forecasts.of(batch)
        left_s = SOONEST_S if forecast.left_s is None else forecast.left_s
        return ResultNotReady(
            f"Batch '{batch.id}' is {batch.status.value}: {why}.",
            retry_after_s=min(max(left_s, SOONEST_S), LATEST_S),
        )


def _gone(batch: Batch) -> NotFound:
    return NotFound(
        f"The results of batch '{batch.id}' cannot be looked up one by one: they are kept no "
        "longer, or come from an earlier version of this server."
    )
