"""What callers do with batches: create, look, list, cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay.core.batches import Batch, BatchApi, BatchStatus, NewBatch
from forebay.core.clock import Clock, after
from forebay.core.errors import Conflict, NotFound
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.core.windows import BAND_RANK, Band, CompletionWindow, choose_window
from forebay.dialects.batches import batch_object, parse_batch
from forebay.dialects.lists import list_object, not_in_list
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Caller
from forebay.lanes.batch.forecast import Forecasts
from forebay.store.reservations import Birth
from forebay.store.store import Store

BATCH = "batch_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a new batch is to be."""

    endpoint: str
    input_file_id: str
    completion_window: str
    metadata: dict[str, str]
    output_expires_after_s: int | None = None
    retry_of: str | None = None
    total_count: int = 0


class BatchDesk:
    """The use cases of batches. `on_created` and `on_cancelled` wake whoever goes on."""

    def __init__(
        self,
        store: Store,
        forecasts: Forecasts,
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
        self._forecasts = forecasts
        self._clock = clock
        self._new_id = new_id
        # An interactive window promises seconds: nobody may name it for a file.
        self._windows = tuple(window for window in windows if window.band is not Band.INTERACTIVE)
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
        expiry = shape.output_expires_after
        wanted = Wanted(
            endpoint=shape.endpoint,
            input_file_id=shape.input_file_id,
            completion_window=shape.completion_window,
            metadata=shape.metadata or {},
            output_expires_after_s=None if expiry is None else expiry.seconds,
        )
        return await self.keep(caller, wanted, birth=birth)

    async def keep(
        self, caller: Caller, wanted: Wanted, *, birth: Birth | None = None
    ) -> JsonObject:
        """Keep a batch as `create` does, once its parts are known to be right.

        Raises `WindowNotOffered` for a window that no batch may name.
        """
        window = choose_window(
            Lane.BATCH, wanted.completion_window, self._windows, param="completion_window"
        )
        birth = birth or Birth(id=self._new_id(BATCH))
        now = self._clock.now()
        batch = NewBatch(
            id=birth.id,
            project_id=caller.project_id,
            key_id=caller.key_id,
            endpoint=wanted.endpoint,
            input_file_id=wanted.input_file_id,
            completion_window=window.name,
            band_rank=BAND_RANK[window.band],
            metadata=encode(wanted.metadata).decode(),
            created_at=now,
            deadline_at=window.deadline(now),
            expires_at=after(now, self._expiry_s),
            output_expires_after_s=wanted.output_expires_after_s,
            retry_of=wanted.retry_of,
            total_count=wanted.total_count,
        )
        await self._store.batches.create(batch, first=birth.first)
        created = await found(self._store, caller, batch.id)
        self._on_created()
        return await self._shown(created)

    async def get(self, caller: Caller, batch_id: str) -> JsonObject:
        """Return the batch as it stands."""
        return await self._shown(await found(self._store, caller, batch_id))

    async def page(self, caller: Caller, *, after: str | None, limit: int) -> JsonObject:
        """Return a page of the project's batches, newest first.

        Raises `InvalidParameter` for an `after` that none of them has as its id.
        """
        batches = self._store.batches
        if after is not None:
            cursor = await batches.get(caller.project_id, after)
            if cursor is None or cursor.api is not BatchApi.BATCHES:
                raise not_in_list("batch", after)
        rows = await batches.page(caller.project_id, after=after, limit=limit + 1)
        shown = [await self._shown(batch) for batch in rows[:limit]]
        return list_object(shown, has_more=len(rows) > limit)

    async def cancel(self, caller: Caller, batch_id: str) -> JsonObject:
        """Begin to cancel a batch; raises `Conflict` for one that has ended another way."""
        batch = await found(self._store, caller, batch_id)
        if await self._store.batches.cancel(batch):
            self._on_cancelled()
        batch = await found(self._store, caller, batch_id)
        if batch.status not in (BatchStatus.CANCELLING, BatchStatus.CANCELLED):
            raise Conflict(f"Cannot cancel a batch with status '{batch.status.value}'.")
        return await self._shown(batch)

    async def _shown(self, batch: Batch) -> JsonObject:
        forecast = await self._forecasts.of(batch)
        return batch_object(
            batch, currency=self._currency, now=self._clock.now(), forecast=forecast
        )


async def found(store: Store, caller: Caller, batch_id: str) -> Batch:
    """Return the caller's batch of that id; raises `NotFound`, for another API's batch, too."""
    batch = await store.batches.get(caller.project_id, batch_id)
    if batch is None or batch.api is not BatchApi.BATCHES:
        raise NotFound(f"No batch found with id '{batch_id}'.")
    return batch
