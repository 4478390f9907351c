"""Reports: what batches came to, or so far."""

from __future__ import annotations

from forebay.core.clock import Clock
from forebay.dialects.batch_report import batch_report
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.batches import found
from forebay.store.store import Store


class Reports:
    """Tells what batches came to."""

    def __init__(self, store: Store, *, clock: Clock, currency: str) -> None:
        self._store = store
        self._clock = clock
        self._currency = currency

    async def get(self, caller: Caller, batch_id: str) -> JsonObject:
        """Return the report of the batch, in whatever status it is."""
        await found(self._store, caller, batch_id)
        # Before the batch: a verdict follows its result, so none of these is missing there.
        verdicts = await self._store.verdicts.counts(batch_id)
        batch = await found(self._store, caller, batch_id)
        return batch_report(batch, verdicts, currency=self._currency, now=self._clock.now())
