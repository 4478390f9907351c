"""Counting: the exact tokens of a prompt as it would be sent, told by an engine, for nothing.

Engines that cannot count run the turn for a single token, on a slot like every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing

from forebay.core.engine_errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.core.models import ToolCalling
from forebay.dialects.dialect import DialectName
from forebay.dialects.forced_tools import forced
from forebay.dialects.token_counts import countable
from forebay.dialects.turn import JsonObject, Turn
from forebay.engines.counting import shortest
from forebay.engines.pool import Member, Pool, Replica
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.contexts import Contexts
from forebay.lanes.exchange import Images, prepared
from forebay.scheduler.dispatcher import Dispatcher


class Counting:
    """Counts chats. `on_trouble` is told of a replica that could not be reached.

    A count that takes a slot is refused after `reject_after_s` without one.
    """

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        dispatcher: Dispatcher,
        *,
        images: Images,
        reject_after_s: float,
        on_trouble: Callable[[Replica], None],
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._dispatcher = dispatcher
        self._images = images
        self._reject_after_s = reject_after_s
        self._on_trouble = on_trouble

    async def tokens(
        self, name: DialectName, caller: Caller, body: JsonObject, *, header_window: str | None
    ) -> int:
        """Return the tokens of the body's prompt, with all that it continues.

        Nothing is stored and nothing charged. Raises what admission and the engine do, and
        `EngineUnavailable` when no replica of the model is well.
        """
        is_response = name is DialectName.RESPONSES
        accepted = self._admission.admit(
            name,
            countable(name, body),
            caller,
            context=await self._contexts.of(caller, body) if is_response else None,
            header_window=header_window,
        )
        turn = await prepared(accepted.turn, self._images)
        assert isinstance(turn, Turn)
        return await self._counted(accepted, _as_sent(accepted, turn))

    async def _counted(self, accepted: Accepted, turn: Turn) -> int:
        pool = accepted.served.pool
        for member in _well(pool):
            try:
                tokens = await member.replica.engine.count(turn, model=member.model)
            except EngineUnreachable:
                self._on_trouble(member.replica)
                continue
            return await self._measured(accepted, turn) if tokens is None else tokens
        raise EngineUnavailable(f"no engine serves '{pool.model}' at the moment")

    async def _measured(self, accepted: Accepted, turn: Turn) -> int:
        """Return the prompt's tokens as a run of the turn reports them."""
        slot = await self._dispatcher.acquire(
            accepted.served.pool,
            band_rank=accepted.band_rank,
            deadline_at=accepted.deadline_at,
            max_wait_s=self._reject_after_s,
        )
        with slot:
            running = slot.engine.stream(shortest(turn), model=slot.model)
            async with aclosing(running) as stream:
                async for deltas in stream:
                    for delta in deltas:
                        if delta.usage is not None:
                            return delta.usage.input_tokens
        raise EngineFailed("the engine did not say how many tokens the prompt has")


def _as_sent(accepted: Accepted, turn: Turn) -> Turn:
    """Return the turn as the engine would be sent it: see `exchange`."""
    is_forced = accepted.served.model.tool_calling is ToolCalling.FORCED
    return forced(turn) if is_forced else turn


def _well(pool: Pool) -> Iterator[Member]:
    """Yield the members that are well, the least busy first."""
    up = [member for member in pool.members if member.replica.is_up]
    yield from sorted(up, key=lambda member: member.replica.in_flight)
