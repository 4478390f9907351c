"""The running of a turn, the same for every lane: a slot, the stream, the folded answer.

A turn of several choices is asked for one choice at a time, for engines miscount several: together,
each on a slot of its own, when somebody waits for them, and one after the other on a slot that is
held already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

import msgspec

from forebay.core.engine_errors import EngineBusy, EngineError, EngineFailed, EngineUnreachable
from forebay.dialects.answer import Answer
from forebay.dialects.turn import AnyTurn, Delta, parts
from forebay.engines.pool import Replica
from forebay.lanes.admission import Accepted
from forebay.lanes.exchange import Images, exchange, prepared
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot

CHOICES_READ_AHEAD = 64
LATER_CHOICE_WAIT_S = 300.0

log = logging.getLogger(__name__)

_Piece = list[Delta] | Exception | None
"""What one of several choices brought: deltas, what broke it, or its end."""


class Turns:
    """Runs turns. `on_trouble` is told of a replica that a turn found broken.

    Choices after the first wait up to `later_choice_wait_s` for a slot, which an engine that is
    down never has.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        images: Images,
        on_trouble: Callable[[Replica], None],
        later_choice_wait_s: float = LATER_CHOICE_WAIT_S,
    ) -> None:
        self._dispatcher = dispatcher
        self._images = images
        self._on_trouble = on_trouble
        self._later_choice_wait_s = later_choice_wait_s

    async def stream(
        self, accepted: Accepted, answer: Answer, *, max_wait_s: float
    ) -> AsyncGenerator[list[Delta], None]:
        """Wait for a slot, then run the turn on it, folding its deltas into `answer`."""
        turn = await prepared(accepted.turn, self._images)
        choices = parts(turn)
        running = (
            self._alone(accepted, choices[0], 0, max_wait_s=max_wait_s)
            if len(choices) == 1
            else self._together(accepted, choices, max_wait_s=max_wait_s)
        )
        async with aclosing(running):
            async for deltas in running:
                for delta in deltas:
                    answer.add(delta)
                yield deltas

    async def run(
        self, slot: Slot, accepted: Accepted, answer: Answer
    ) -> AsyncGenerator[list[Delta], None]:
        """Run the turn on a slot, and give the slot back."""
        with slot:
            turn = await prepared(accepted.turn, self._images)
            for number, choice in enumerate(parts(turn)):
                with self._noted(slot, accepted):
                    async with aclosing(exchange(slot, accepted, choice, number=number)) as running:
                        async for deltas in running:
                            slot.answering()
                            shown = _numbered(deltas, number)
                            for delta in shown:
                                answer.add(delta)
                            yield shown

    async def _alone(
        self, accepted: Accepted, choice: AnyTurn, number: int, *, max_wait_s: float
    ) -> AsyncGenerator[list[Delta], None]:
        """Run one choice on a slot of its own.

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
                with slot, self._noted(slot, accepted):
                    async with aclosing(exchange(slot, accepted, choice, number=number)) as running:
                        async for deltas in running:
                            slot.answering()
                            yield deltas
                return
            except EngineUnreachable:
                if is_last_try:
                    raise

    async def _together(
        self, accepted: Accepted, choices: list[AnyTurn], *, max_wait_s: float
    ) -> AsyncGenerator[list[Delta], None]:
        """Run several choices at the same time; one that fails ends them all."""
        pieces: asyncio.Queue[_Piece] = asyncio.Queue(CHOICES_READ_AHEAD)

        async def pump(number: int, choice: AnyTurn) -> None:
            # With the first, the call is taken on: the others have more patience, but an end of it.
            wait_s = max_wait_s if number == 0 else max(max_wait_s, self._later_choice_wait_s)
            try:
                alone = self._alone(accepted, choice, number, max_wait_s=wait_s)
                async with aclosing(alone) as running:
                    async for deltas in running:
                        await pieces.put(_numbered(deltas, number))
                await pieces.put(None)
            except Exception as error:
                await pieces.put(error)

        # No TaskGroup: it would wrap the closing of this generator into a group of exceptions.
        running = [asyncio.create_task(pump(*numbered)) for numbered in enumerate(choices)]
        try:
            left = len(choices)
            while left:
                match await pieces.get():
                    case None:
                        left -= 1
                    case Exception() as error:
                        raise error
                    case deltas:
                        yield deltas
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    @contextmanager
    def _noted(self, slot: Slot, accepted: Accepted) -> Iterator[None]:
        """Tell how the slot's replica fares with the choice that is run meanwhile."""
        try:
            yield
            slot.worked()
        except EngineError as error:
            if isinstance(error, EngineFailed):
                fields = {"engine": slot.replica.name, "engine_status": error.engine_status}
                log.warning("engine failed", extra={"request_id": accepted.call.id, **fields})
            slot.failed(error)
            if not isinstance(error, EngineBusy):
                self._on_trouble(slot.replica)
            raise


def _numbered(deltas: list[Delta], number: int) -> list[Delta]:
    """Return the deltas as those of the choice of that number."""
    if number == 0:
        return deltas
    return [msgspec.structs.replace(delta, choice=number) for delta in deltas]
