"""One choice of a turn with one engine: made ready for it, asked, and read back.

What the engine lacks is made up for here: tools by a grammar, images as data, and a prompt that is
too long by leaving out its oldest messages where the caller allows that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from forebay.core.errors import ContextTooLong
from forebay.core.models import ToolCalling
from forebay.dialects.forced_reader import ForcedReader
from forebay.dialects.forced_tools import forced
from forebay.dialects.truncation import without_the_oldest
from forebay.dialects.turn import AnyTurn, Delta, Turn
from forebay.lanes.admission import Accepted
from forebay.scheduler.dispatcher import Slot


class Images(Protocol):
    """Whoever fetches images that are given by their URL."""

    async def inlined(self, turn: Turn) -> Turn:
        """Return the turn with its images as data URIs; raises `RequestRejected`."""
        ...


async def prepared(turn: AnyTurn, images: Images) -> AnyTurn:
    """Return the turn with everything in it that engines should not fetch themselves."""
    return await images.inlined(turn) if isinstance(turn, Turn) else turn


async def exchange(
    slot: Slot, accepted: Accepted, choice: AnyTurn
) -> AsyncGenerator[list[Delta], None]:
    """Ask the slot's engine for one choice; raises what `Engine.stream` does."""
    while True:
        try:
            async with aclosing(_asked(slot, accepted, choice)) as running:
                async for deltas in running:
                    yield deltas
            return
        except ContextTooLong:
            # Engines tell before they answer, so nothing has been shown.
            shorter = without_the_oldest(choice) if isinstance(choice, Turn) else None
            if shorter is None:
                raise
            choice = shorter


async def _asked(
    slot: Slot, accepted: Accepted, choice: AnyTurn
) -> AsyncGenerator[list[Delta], None]:
    reader = None
    asked = choice
    is_forced = accepted.served.model.tool_calling is ToolCalling.FORCED
    if is_forced and isinstance(choice, Turn) and needs_forcing(choice):
        asked, reader = forced(choice), ForcedReader(choice, call_id=accepted.call.id)
    async with aclosing(slot.engine.stream(asked, model=slot.model)) as stream:
        async for deltas in stream:
            shown = deltas if reader is None else reader.feed(deltas)
            if shown:
                yield shown


def needs_forcing(turn: Turn) -> bool:
    """Whether the turn has anything to do with tools."""
    return bool(turn.tools) or any(
        message.get("role") == "tool" or message.get("tool_calls") for message in turn.messages
    )
