"""The running of a turn, the same for every lane: a slot, the stream, the folded answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from forebay.core.errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.dialects.turn import Answer, Delta
from forebay.engines.pool import Replica
from forebay.lanes.admission import Accepted
from forebay.scheduler.dispatcher import Dispatcher, Slot

log = logging.getLogger(__name__)


class Turns:
    """Runs turns. `on_trouble` is told of a replica that a turn found broken."""

    def __init__(self, dispatcher: Dispatcher, *, on_trouble: Callable[[Replica], None]) -> None:
        self._dispatcher = dispatcher
        self._on_trouble = on_trouble

    async def stream(
        self, accepted: Accepted, answer: Answer, *, max_wait_s: float
    ) -> AsyncGenerator[list[Delta], None]:
        """Wait for a slot, then run the turn on it, folding its deltas into `answer`.

        A replica that cannot be reached costs the caller nothing while another one is left.
        """
        pool = accepted.served.pool
        for is_last_try in [False] * (len(pool.members) - 1) + [True]:
            slot = await self._dispatcher.acquire(
                pool,
                band_rank=accepted.band_rank,
                deadline_at=accepted.deadline_at,
                max_wait_s=max_wait_s,
            )
            try:
                async with aclosing(self.run(slot, accepted, answer)) as running:
                    async for deltas in running:
                        yield deltas
                return
            except EngineUnreachable:
                if is_last_try:
                    raise

    async def run(
        self, slot: Slot, accepted: Accepted, answer: Answer
    ) -> AsyncGenerator[list[Delta], None]:
        """Run the turn on a slot, and give the slot back."""
        with slot:
            stream = slot.engine.stream(accepted.call.turn, model=slot.model)
            try:
                async with aclosing(stream):
                    async for deltas in stream:
                        for delta in deltas:
                            answer.add(delta)
                        yield deltas
                slot.replica.failures = 0
            except EngineFailed as error:
                fields = {"engine": slot.replica.name, "engine_status": error.engine_status}
                log.warning("engine failed", extra={"request_id": accepted.call.id, **fields})
                slot.replica.failures += 1
                self._on_trouble(slot.replica)
                raise
            except EngineUnavailable as error:
                if isinstance(error, EngineUnreachable):
                    self._dispatcher.mark_down(slot.replica, error=str(error))
                self._on_trouble(slot.replica)
                raise
