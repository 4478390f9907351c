"""What callers do with Message Batches: create, look, list, cancel, delete, read the results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from forebay.core.batches import Batch, BatchApi, NewBatch, is_final
from forebay.core.clock import Clock, after
from forebay.core.errors import InvalidParameter, NotFound, RequestRejected
from forebay.core.files import MESSAGE_BATCH, File
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.core.windows import BAND_RANK, DAY, Band, CompletionWindow, choose_window
from forebay.dialects.message_batch_requests import MessageBatchRequests, window_of
from forebay.dialects.message_batches import (
    ENDPOINT,
    RESULTS_LIFE_S,
    archived_at,
    deleted_message_batch,
    kept_metadata,
    message_batch,
    message_batch_page,
    was_never_begun,
)
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.files import FILE
from forebay.lanes.batch.request_spool import RequestSpool, Spooled
from forebay.lanes.batch.unbegun_results import UnbegunResults
from forebay.lanes.orphans import discarded_if_refused
from forebay.store.blobs import Blob, Extent
from forebay.store.database import Operation, Tx
from forebay.store.files import add_file
from forebay.store.reservations import Birth
from forebay.store.store import Store

MESSAGE_BATCH_ID = "msgbatch_"


class MessageBatchDesk:
    """The use cases of Message Batches. `on_changed` wakes whoever goes on with them."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        new_id: NewId,
        windows: tuple[CompletionWindow, ...],
        currency: str,
        expiry_s: float,
        max_requests: int,
        max_bytes: int,
        on_changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        # An interactive window promises seconds: nobody may name it for a batch.
        self._windows = tuple(window for window in windows if window.band is not Band.INTERACTIVE)
        self._currency = currency
        self._expiry_s = expiry_s
        self._max_requests = max_requests
        self._spool = RequestSpool(store.blobs, max_bytes=max_bytes)
        self._unbegun = UnbegunResults(store, new_id=new_id)
        self._on_changed = on_changed

    async def receive(self, pieces: AsyncIterator[bytes]) -> Spooled:
        """Spool the body of a new batch; raises `RequestRejected` that names what is wrong."""
        requests = MessageBatchRequests(max_requests=self._max_requests)
        return await self._spool.receive(pieces, requests)

    async def create(
        self,
        caller: Caller,
        spooled: Spooled,
        *,
        birth: Birth,
        base_url: str,
        version: str | None,
        header_window: str | None,
    ) -> JsonObject:
        """Keep a batch durably and return it; `version` is that of the API that was called.

        Whatever is raised, nothing is left of what was spooled, unless a batch may be kept.
        """
        try:
            window = self._window(spooled, header_window)
            blob = await spooled.writer.commit()
        except BaseException:
            await spooled.abandon()
            raise
        file = self._input_file(caller, blob, batch_id=birth.id)
        batch = NewBatch(
            id=birth.id,
            project_id=caller.project_id,
            key_id=caller.key_id,
            endpoint=ENDPOINT,
            input_file_id=file.id,
            completion_window=window.name,
            band_rank=BAND_RANK[window.band],
            metadata=kept_metadata(version),
            created_at=file.created_at,
            deadline_at=window.deadline(file.created_at),
            expires_at=after(file.created_at, self._expiry_s),
            api=BatchApi.MESSAGE_BATCHES,
            total_count=spooled.count,
        )
        async with discarded_if_refused(self._store.blobs, blob.id):
            await self._store.batches.create(batch, first=with_file(birth.first, file))
        self._on_changed()
        return await self.get(caller, batch.id, base_url=base_url)

    async def get(self, caller: Caller, batch_id: str, *, base_url: str) -> JsonObject:
        """Return the batch as it stands."""
        return self._shown(await self._find(caller, batch_id), base_url)

    async def page(
        self,
        caller: Caller,
        *,
        after_id: str | None,
        before_id: str | None,
        limit: int,
        base_url: str,
    ) -> JsonObject:
        """Return a page of the project's batches, newest first, next to the batch of that id.

        `has_more` tells of more in the direction of the paging.
        """
        if after_id is not None and before_id is not None:
            raise InvalidParameter(
                "'after_id' and 'before_id' exclude each other.", param="before_id"
            )
        for name, cursor in (("after_id", after_id), ("before_id", before_id)):
            # One that was deleted meanwhile still has its place among the others.
            if cursor is not None and not cursor.startswith(MESSAGE_BATCH_ID):
                raise InvalidParameter(f"{name}: '{cursor}' is no Message Batch.", param=name)
        api, batches = BatchApi.MESSAGE_BATCHES, self._store.batches
        if before_id is not None:
            found = await batches.page_before(
                caller.project_id, before=before_id, limit=limit + 1, api=api
            )
            shown = found[-limit:]
        else:
            found = await batches.page(caller.project_id, after=after_id, limit=limit + 1, api=api)
            shown = found[:limit]
        return message_batch_page(
            [self._shown(batch, base_url) for batch in shown], has_more=len(found) > limit
        )

    async def cancel(self, caller: Caller, batch_id: str, *, base_url: str) -> JsonObject:
        """Begin to cancel a batch, unless that has begun; raises `RequestRejected` past its end.

        One whose last result is recorded already ends by itself in a moment.
        """
        batch = await self._find(caller, batch_id)
        if await self._store.batches.cancel(batch):
            self._on_changed()
        elif is_final(batch.status):
            raise RequestRejected(f"Message Batch {batch_id} has ended: it cannot be canceled.")
        batch = await self._find(caller, batch_id)
        return self._shown(batch, base_url)

    async def delete(self, caller: Caller, batch_id: str) -> JsonObject:
        """Forget a batch that has ended, and its results; raises `RequestRejected` for another."""
        batch = await self._find(caller, batch_id)
        if not await self._store.batches.delete(caller.project_id, batch.id):
            raise RequestRejected(
                "In progress batches cannot be deleted. Consider canceling the batch instead."
            )
        return deleted_message_batch(batch.id)

    async def results(self, caller: Caller, batch_id: str) -> AsyncIterator[bytes]:
        """Return the results as JSON lines, in pieces; raises `NotFound` unless it has ended."""
        batch = await self._find(caller, batch_id)
        now = self._clock.now()
        if not is_final(batch.status) or archived_at(batch, now) is not None:
            raise NotFound(f"Message Batch {batch_id} has no available results.")
        if was_never_begun(batch):
            return await self._unbegun.lines(batch, now=now)
        chunks = await self._store.segments.all_chunks(batch.id)
        return self._pieces([chunk.blob_id for chunk in chunks])

    def _input_file(self, caller: Caller, blob: Blob, *, batch_id: str) -> File:
        now = self._clock.now()
        return File(
            id=self._new_id(FILE),
            project_id=caller.project_id,
            purpose=MESSAGE_BATCH,
            filename=f"{batch_id}_requests.jsonl",
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
            blob_id=blob.id,
            created_at=now,
            # Results of a batch that is ended before it was begun are made of it.
            expires_at=after(now, max(RESULTS_LIFE_S, self._expiry_s)),
        )

    async def _pieces(self, blob_ids: list[str]) -> AsyncIterator[bytes]:
        for blob_id in blob_ids:
            async for piece in self._store.blobs.read(Extent(blob_id)):
                yield piece

    def _window(self, spooled: Spooled, header: str | None) -> CompletionWindow:
        """Return the window that was named most explicitly: metadata, then header, else a day."""
        named = window_of(spooled.fields, has_list=spooled.has_list, count=spooled.count)
        if named is not None:
            return choose_window(Lane.BATCH, named, self._windows)
        if header is not None:
            return choose_window(Lane.BATCH, header, self._windows, param="X-Completion-Window")
        return choose_window(Lane.BATCH, DAY, self._windows, param="X-Completion-Window")

    def _shown(self, batch: Batch, base_url: str) -> JsonObject:
        return message_batch(
            batch,
            now=self._clock.now(),
            currency=self._currency,
            results_url=f"{base_url}/v1/messages/batches/{batch.id}/results",
        )

    async def _find(self, caller: Caller, batch_id: str) -> Batch:
        batch = await self._store.batches.get(caller.project_id, batch_id)
        if batch is None or batch.api is not BatchApi.MESSAGE_BATCHES:
            raise NotFound(f"Message Batch {batch_id} not found.")
        return batch


def with_file(first: Operation[None] | None, file: File) -> Operation[None]:
    """Return what keeps a file in the transaction of the batch that it is made for."""

    async def keep(tx: Tx) -> None:
        if first is not None:
            await first(tx)
        await add_file(tx, file)

    return keep
