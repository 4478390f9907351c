"""What callers do with batches: create, look, list, cancel."""

from __future__ import annotations

from collections.abc import Callable

from forebay.core.batches import Batch, BatchStatus, NewBatch
from forebay.core.clock import Clock, after
from forebay.core.errors import Conflict, NotFound
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.core.windows import BAND_RANK, CompletionWindow, choose_window
from forebay.dialects.batches import batch_object, parse_batch
from forebay.dialects.files import page
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Caller
from forebay.store.reservations import Birth
from forebay.store.store import Store

BATCH = "batch_"


class BatchDesk:
    """The use cases of batches. `on_created` and `on_cancelled` wake whoever goes on."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        new_id: NewId,
        windows: tuple[CompletionWindow, ...],
        currency: str,
        expiry_s: float,
        on_created: Callable[[], None],
        on_cancelled: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._windows = windows
        self._currency = currency
        self._expiry_s = expiry_s
        self._on_created = on_created
        self._on_cancelled = on_cancelled

    async def create(
        self, caller: Caller, body: JsonObject, *, birth: Birth | None = None
    ) -> JsonObject:
        """Keep a batch durably and return it as `validating`.

        A missing input file is found by validation: it makes a failed batch, not an error here.
        """
        shape = parse_batch(body)
        window = choose_window(
            Lane.BATCH, shape.completion_window, self._windows, param="completion_window"
        )
        birth = birth or Birth(id=self._new_id(BATCH))
        now = self._clock.now()
        expiry = shape.output_expires_after
        batch = NewBatch(
            id=birth.id,
            project_id=caller.project_id,
            key_id=caller.key_id,
            endpoint=shape.endpoint,
            input_file_id=shape.input_file_id,
            completion_window=window.name,
            band_rank=BAND_RANK[window.band],
            metadata=encode(shape.metadata or {}).decode(),
            created_at=now,
            deadline_at=window.deadline(now),
            expires_at=after(now, self._expiry_s),
            output_expires_after_s=None if expiry is None else expiry.seconds,
        )
        await self._store.batches.create(batch, first=birth.first)
        created = await self._find(caller, batch.id)
        self._on_created()
        return self._shown(created)

    async def get(self, caller: Caller, batch_id: str) -> JsonObject:
        """Return the batch as it stands."""
        return self._shown(await self._find(caller, batch_id))

    async def page(self, caller: Caller, *, after: str | None, limit: int) -> JsonObject:
        """Return a page of the project's batches, newest first."""
        found = await self._store.batches.page(caller.project_id, after=after, limit=limit + 1)
        return page([self._shown(batch) for batch in found[:limit]], has_more=len(found) > limit)

    async def cancel(self, caller: Caller, batch_id: str) -> JsonObject:
        """Begin to cancel a batch; raises `Conflict` for one that has ended another way."""
        batch = await self._find(caller, batch_id)
        if await self._store.batches.cancel(batch):
            self._on_cancelled()
        batch = await self._find(caller, batch_id)
        if batch.status not in (BatchStatus.CANCELLING, BatchStatus.CANCELLED):
            raise Conflict(f"Cannot cancel a batch with status '{batch.status.value}'.")
        return self._shown(batch)

    def _shown(self, batch: Batch) -> JsonObject:
        return batch_object(batch, currency=self._currency)

    async def _find(self, caller: Caller, batch_id: str) -> Batch:
        batch = await self._store.batches.get(caller.project_id, batch_id)
        if batch is None:
            raise NotFound(f"No batch found with id '{batch_id}'.")
        return batch
