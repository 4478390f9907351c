"""The validator: takes batches from `validating` to `in_progress`, or to `failed`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Clock
from forebay.dialects.batches import LineError, errors_json
from forebay.lanes.batch.plan import Plan, Planner
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.wake import log_failure, repeat
from forebay.store.blobs import Extent
from forebay.store.store import Store

log = logging.getLogger(__name__)

LONGEST_IDLE_S = 30.0


class Validator:
    """Validates batches one after the other, oldest first. `on_begun` is called after each."""

    def __init__(
        self,
        planner: Planner,
        store: Store,
        control: Control,
        *,
        clock: Clock,
        on_begun: Callable[[], None],
    ) -> None:
        self._planner = planner
        self._store = store
        self._control = control
        self._clock = clock
        self._on_begun = on_begun
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for batches to validate."""
        self._wake.set()

    async def run(self) -> None:
        """Validate for ever."""
        await repeat(self._validate_all, wake=self._wake, doing="validation")

    async def _validate_all(self) -> float:
        if not self._control.holds(HOUSEKEEPING):
            return LONGEST_IDLE_S
        for batch in await self._store.batches.in_status(BatchStatus.VALIDATING):
            try:
                await self._validate(batch)
            except Exception as error:
                # One input that cannot be read must not hold back the batches behind it.
                log_failure("validation", error, batch_id=batch.id)
        return LONGEST_IDLE_S

    async def _validate(self, batch: Batch) -> None:
        plan = await self._plan(batch)
        if not plan.errors and await self._store.batches.begin(batch, plan.segments):
            log.info("batch begun", extra={"batch_id": batch.id, "segments": len(plan.segments)})
            self._on_begun()
            return
        if plan.errors:
            await self._store.batches.fail(batch.id, errors=errors_json(plan.errors))
            log.info("batch failed", extra={"batch_id": batch.id, "errors": len(plan.errors)})
        await self._planner.discard(plan)

    async def _plan(self, batch: Batch) -> Plan:
        if batch.expires_at <= self._clock.now():
            message = "The batch expired before its input could be validated."
            return Plan([LineError("batch_expired", message)], [])
        file = await self._store.files.get(batch.project_id, batch.input_file_id)
        if file is None or file.blob_id is None or file.has_expired(self._clock.now()):
            message = (
                f"Cannot find file {batch.input_file_id}, "
                "or the project does not have access to it."
            )
            return Plan([LineError("invalid_request", message, "file_id")], [])
        return await self._planner.plan(batch, self._store.blobs.read(Extent(file.blob_id)))
