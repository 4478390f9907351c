"""The running of one batch line: through the same dialects and dispatcher as everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from forebay.core.batches import Batch, LineOutcome
from forebay.core.clock import Clock
from forebay.core.engine_errors import EngineError
from forebay.core.errors import ForebayError, RequestRejected
from forebay.core.ids import NewId
from forebay.core.money import Usage
from forebay.dialects.answer import Answer
from forebay.dialects.batch_lines import LINE_FORMS
from forebay.dialects.batches import ENDPOINTS
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.message_batches import version_of
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.batch.lines import SegmentLine
from forebay.lanes.batch.results import NO_USAGE, LineResult
from forebay.lanes.batch.room import Room
from forebay.lanes.batch.schema_check import SchemaCheck
from forebay.lanes.billing import cost_nanos, ended, usage_of
from forebay.lanes.retries import MAX_FAILURES, Chance, is_failure, pause_s
from forebay.lanes.turns import Turns
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot

Ids = tuple[str, str]


@dataclass(slots=True)
class LineRun:
    """A line under way: how often it was tried, and what gave no result cost."""

    number: int
    custom_id: str | None = None  # None for a line that could not be read
    size_bytes: int = 0
    attempt: int = 0
    failures: int = 0
    waste: Usage = NO_USAGE
    waste_nanos: int = 0

    @property
    def retries(self) -> int:
        """How many attempts there were after the first."""
        return max(0, self.attempt - 1)

    def lose(self, accepted: Accepted, answer: Answer) -> None:
        """Note what an attempt has cost that gives no result."""
        if answer.has_output:
            usage = usage_of(accepted.turn, answer)
            self.waste += usage
            self.waste_nanos += cost_nanos(accepted, usage)


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
        self._schemas = SchemaCheck()

    def admit(self, batch: Batch, line: SegmentLine) -> Accepted:
        """Return the line as an accepted call; raises `RequestRejected`."""
        return self._admission.admit_line(
            ENDPOINTS[batch.endpoint],
            line.body,
            Caller(project_id=batch.project_id, key_id=batch.key_id),
            window_name=batch.completion_window,
            version=version_of(batch),
        )

    async def run(
        self, batch: Batch, run: LineRun, accepted: Accepted, slot: Slot, room: Room
    ) -> LineResult:
        """Run the line, at first on this slot, and again while that may help.

        While it pauses it has no slot; then it waits for one as if it came anew. Whoever closes
        the batch ends this at the batch's expiry.
        """
        while True:
            try:
                return await self._attempt(run, batch, accepted, slot)
            except RequestRejected as error:
                return self.failed(batch, run, error)
            except EngineError as error:
                run.failures += is_failure(error)
                if run.failures >= MAX_FAILURES:
                    return self.failed(batch, run, error)
                pausing_s = pause_s(error, attempt=run.attempt, chance=self._chance)
            with room.holding(run.size_bytes):
                await self._sleep(pausing_s)
                slot = await self.slot(batch, accepted)

    async def slot(self, batch: Batch, accepted: Accepted) -> Slot:
        """Return a slot for the line when its turn has come, in the place of its batch."""
        return await self._dispatcher.acquire(
            accepted.served.pool, band_rank=batch.band_rank, deadline_at=batch.deadline_at
        )

    async def _attempt(
        self, run: LineRun, batch: Batch, accepted: Accepted, slot: Slot
    ) -> LineResult:
        run.attempt += 1
        answer = Answer()
        try:
            async with aclosing(self._turns.run(slot, accepted, answer)) as running:
                async for _ in running:
                    pass
            return self._done(batch, run, accepted, answer)
        except BaseException:
            run.lose(accepted, answer)
            raise

    def failed(self, batch: Batch, run: LineRun, error: ForebayError) -> LineResult:
        """Return the result of a line that its endpoint refused, or that no engine answered."""
        line_id, request_id = self._ids()
        reply = self._dialects[ENDPOINTS[batch.endpoint]].error(error, request_id=request_id)
        text = LINE_FORMS[batch.api].refused(
            line_id=line_id,
            custom_id=run.custom_id,
            request_id=request_id,
            status=reply.status,
            body=reply.body,
        )
        is_refusal = isinstance(error, RequestRejected)
        return LineResult(
            number=run.number,
            line=text,
            outcome=LineOutcome.REFUSED if is_refusal else LineOutcome.ENGINE_FAILED,
            retries=run.retries,
            waste=run.waste,
            waste_nanos=run.waste_nanos,
        )

    def unrun(
        self, batch: Batch, number: int, custom_id: str | None, outcome: LineOutcome
    ) -> LineResult:
        """Return the result of a line that is not run any more: `EXPIRED` or `CANCELLED`."""
        form = LINE_FORMS[batch.api]
        write = form.expired if outcome is LineOutcome.EXPIRED else form.cancelled
        text = write(line_id=self._new_id("batch_req_"), custom_id=custom_id)
        return LineResult(number=number, line=text, outcome=outcome)

    def _done(self, batch: Batch, run: LineRun, accepted: Accepted, answer: Answer) -> LineResult:
        line_id, request_id = self._ids()
        outcome, entry = ended(accepted, answer, finished_at=self._clock.now())
        text = LINE_FORMS[batch.api].answered(
            line_id=line_id,
            custom_id=run.custom_id,
            request_id=request_id,
            body=accepted.dialect.final(accepted.call, outcome),
        )
        is_met = self._schemas.is_met(accepted.turn, answer)
        return LineResult(
            number=run.number,
            line=text,
            outcome=LineOutcome.COMPLETED if is_met else LineOutcome.SCHEMA_FAILED,
            usage=entry.usage,
            cost_nanos=entry.cost_nanos,
            retries=run.retries,
            waste=run.waste,
            waste_nanos=run.waste_nanos,
        )

    def _ids(self) -> Ids:
        return self._new_id("batch_req_"), self._new_id("req_")
