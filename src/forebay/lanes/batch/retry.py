"""Retries of batches: what did not get an answer runs again, as a new batch.

Its lines come from the plan of the old one, so that the input file may be gone; whoever plans it
finds them there.
"""

from __future__ import annotations

from forebay.core.batches import Batch, BatchStatus, is_final
from forebay.core.clock import Clock
from forebay.core.errors import Conflict, RequestRejected
from forebay.dialects.batch_report import parse_retry
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.batches import BatchDesk, Wanted, found
from forebay.store.reservations import Birth
from forebay.store.store import Store


class Retries:
    """Makes batches of what failed in others."""

    def __init__(self, store: Store, batches: BatchDesk, *, clock: Clock) -> None:
        self._store = store
        self._batches = batches
        self._clock = clock

    async def retry(
        self, caller: Caller, batch_id: str, body: JsonObject, *, birth: Birth | None = None
    ) -> JsonObject:
        """Keep a batch of what failed, expired or was cancelled, and return it as `validating`.

        It is as the old one, but for what the body names. Raises `Conflict` for a batch that has
        not ended, and `RequestRejected` for one of which nothing can run again.
        """
        batch = await found(self._store, caller, batch_id)
        window, metadata = parse_retry(body, batch)
        await self._check(batch)
        wanted = Wanted(
            endpoint=batch.endpoint,
            input_file_id=batch.input_file_id,
            completion_window=window,
            metadata=metadata,
            output_expires_after_s=batch.output_expires_after_s,
            retry_of=batch.id,
            total_count=batch.failed_count,
        )
        return await self._batches.keep(caller, wanted, birth=birth)

    async def _check(self, batch: Batch) -> None:
        if not is_final(batch.status):
            raise Conflict(f"Cannot retry a batch with status '{batch.status.value}'.")
        if batch.status is BatchStatus.FAILED:
            raise RequestRejected(
                "Cannot retry a batch that failed validation, for none of its lines ran: correct "
                "its input and make a new batch."
            )
        if not batch.failed_count:
            raise RequestRejected("Cannot retry a batch of which nothing failed.")
        if not await self._is_kept(batch):
            raise RequestRejected("Cannot retry a batch whose errors are kept no longer.")

    async def _is_kept(self, batch: Batch) -> bool:
        """Tell whether there still is what failed, and what was asked there."""
        # With its file goes the list of what failed, sooner or later.
        assert batch.error_file_id is not None, "something failed"
        file = await self._store.files.get(batch.project_id, batch.error_file_id)
        if file is None or file.has_expired(self._clock.now()):
            return False
        return await self._store.segments.at(batch.id, 0) is not None
