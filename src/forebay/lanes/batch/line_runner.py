"""The running of one batch line: through the same dialects and dispatcher as everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from forebay.core.batches import Batch
from forebay.core.clock import Clock
from forebay.core.errors import (
    EngineError,
    Expired,
    ForebayError,
    RequestRejected,
)
from forebay.core.ids import NewId
from forebay.dialects.answer import Answer
from forebay.dialects.batches import ENDPOINTS, result_line, unanswered_line
from forebay.dialects.dialect import Dialect, DialectName
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.batch.lines import SegmentLine
from forebay.lanes.batch.results import LineResult
from forebay.lanes.billing import ended
from forebay.lanes.retries import MAX_FAILURES, Chance, is_failure, pause_s
from forebay.lanes.turns import Turns
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot

EXPIRED = ("batch_expired", "This request could not be executed before the batch expired.")
CANCELLED = ("batch_cancelled", "This request was not executed: the batch was cancelled.")


class LineRunner:
    """Runs lines; whatever goes wrong becomes the line's result."""

    def __init__(
        self,
        admission: Admission,
        dialects: dict[DialectName, Dialect],
        turns: Turns,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        new_id: NewId,
        chance: Chance,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._admission = admission
        self._dialects = dialects
        self._turns = turns
        self._dispatcher = dispatcher
        self._clock = clock
        self._new_id = new_id
        self._chance = chance
        self._sleep = sleep

    def admit(self, batch: Batch, line: SegmentLine) -> Accepted:
        """Return the line as an accepted call; raises `RequestRejected`."""
        return self._admission.admit_line(
            ENDPOINTS[batch.endpoint],
            line.body,
            Caller(project_id=batch.project_id, key_id=batch.key_id),
            window_name=batch.completion_window,
        )

    async def run(
        self, batch: Batch, number: int, line: SegmentLine, accepted: Accepted, slot: Slot
    ) -> LineResult:
        """Run the line, at first on this slot, and again while that may help."""
        attempt = failures = 0
        held: Slot | None = slot
        while True:
            attempt += 1
            try:
                if held is None:
                    held = await self._dispatcher.acquire(
                        accepted.served.pool,
                        band_rank=batch.band_rank,
                        deadline_at=batch.deadline_at,
                    )
                answer = Answer()
                async with aclosing(self._turns.run(held, accepted, answer)) as running:
                    async for _ in running:
                        pass
                return self._done(number, line, accepted, answer)
            except RequestRejected as error:
                return self.failed(batch, number, line, error)
            except EngineError as error:
                held = None
                failures += is_failure(error)
                if failures >= MAX_FAILURES:
                    return self.failed(batch, number, line, error)
                # Whoever closes the batch ends this at the batch's expiry.
                await self._sleep(pause_s(error, attempt=attempt, chance=self._chance))

    def failed(
        self, batch: Batch, number: int, line: SegmentLine, error: ForebayError
    ) -> LineResult:
        """Return the result of a line that its endpoint refused."""
        if isinstance(error, Expired):
            return self.unanswered(number, line, *EXPIRED)
        request_id = self._new_id("req_")
        reply = self._dialects[ENDPOINTS[batch.endpoint]].error(error, request_id=request_id)
        text = result_line(
            line_id=self._new_id("batch_req_"),
            custom_id=line.custom_id,
            status=reply.status,
            request_id=request_id,
            body=reply.body,
        )
        return LineResult(number=number, line=text, is_error=True)

    def unanswered(self, number: int, line: SegmentLine, code: str, message: str) -> LineResult:
        """Return the result of a line that was never run to an answer."""
        text = unanswered_line(
            line_id=self._new_id("batch_req_"),
            custom_id=line.custom_id,
            code=code,
            message=message,
        )
        return LineResult(number=number, line=text, is_error=True)

    def _done(
        self, number: int, line: SegmentLine, accepted: Accepted, answer: Answer
    ) -> LineResult:
        outcome, entry = ended(accepted, answer, finished_at=self._clock.now())
        text = result_line(
            line_id=self._new_id("batch_req_"),
            custom_id=line.custom_id,
            status=200,
            request_id=self._new_id("req_"),
            body=accepted.dialect.final(accepted.call, outcome),
        )
        return LineResult(number=number, line=text, usage=entry.usage, cost_nanos=entry.cost_nanos)
