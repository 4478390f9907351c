"""One choice of a turn with one engine: made ready for it, asked, and read back.

What the engine lacks is made up for here: tools by a grammar, images as data, and a prompt that is
too long by leaving out its oldest messages where the caller allows that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import msgspec

from forebay.core.errors import ContextTooLong
from forebay.core.models import ToolCalling
from forebay.dialects.forced_reader import ForcedReader
from forebay.dialects.forced_tools import forced
from forebay.dialects.truncation import without_the_oldest
from forebay.dialects.turn import AnyTurn, Delta, Turn
from forebay.lanes.admission import Accepted
from forebay.scheduler.slot import Slot


class Images(Protocol):
    """Whoever fetches images that are given by their URL."""

    async def inlined(self, turn: Turn) -> Turn:
        """Return the turn with its images as data URIs; raises `RequestRejected`."""
        ...


async def prepared(turn: AnyTurn, images: Images) -> AnyTurn:
    """Return the turn with everything in it that engines should not fetch themselves."""
    return await images.inlined(turn) if isinstance(turn, Turn) else turn


def exchange(
    slot: Slot, accepted: Accepted, choice: AnyTurn, *, number: int = 0
) -> AsyncGenerator[list[Delta], None]:
    """Ask the slot's engine for one choice, the one of that number; raises as `Engine.stream`."""
    if isinstance(choice, Turn):
        if choice.is_truncatable:
            return _shortened(slot, accepted, choice, number)
        if accepted.served.model.tool_calling is ToolCalling.FORCED:
            return _forced(slot, accepted, choice, number)
    return slot.engine.stream(choice, model=slot.model)


async def _shortened(
    slot: Slot, accepted: Accepted, choice: Turn, number: int
) -> AsyncGenerator[list[Delta], None]:
    """Ask with ever fewer messages until the prompt fits."""
    left: Turn | None = choice
    while left is not None:
        whole = msgspec.structs.replace(left, is_truncatable=False)
        try:
            async with aclosing(exchange(slot, accepted, whole, number=number)) as running:
                async for deltas in running:
                    yield deltas
            return
        except ContextTooLong:
            # Engines tell before they answer, so nothing has been shown.
            left = without_the_oldest(left)
            if left is None:
                raise


async def _forced(
    slot: Slot, accepted: Accepted, choice: Turn, number: int
) -> AsyncGenerator[list[Delta], None]:
    """Ask for JSON that holds the calls, and read them out of it."""
    call_id = accepted.call.id if number == 0 else f"{accepted.call.id}c{number}"
    reader = ForcedReader(choice, call_id=call_id)
    async with aclosing(slot.engine.stream(forced(choice), model=slot.model)) as stream:
        async for deltas in stream:
            shown = reader.feed(deltas)
            if shown:
                yield shown
    rest = reader.end()
    if rest:
        yield rest
