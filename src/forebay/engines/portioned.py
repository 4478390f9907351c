"""An engine that is asked for a few embeddings at a time.

llama.cpp never notices that the caller of embeddings has left: it would go on for minutes with two
thousand inputs that nobody waits for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from forebay.core.money import Usage
from forebay.dialects.turn import AnyTurn, Delta, EmbeddingTurn, Turn
from forebay.engines.engine import Engine


class PortionedEngine:
    """Asks `engine` for at most so many embeddings at once, and is like it in all else."""

    def __init__(self, engine: Engine, *, max_inputs: int) -> None:
        self._engine = engine
        self._max_inputs = max_inputs

    @property
    def takes_prefill(self) -> bool:
        """Whether it goes on with an assistant's message; see `Engine.takes_prefill`."""
        return self._engine.takes_prefill

    def stream(self, turn: AnyTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Run the turn; see `Engine.stream`."""
        if isinstance(turn, EmbeddingTurn) and len(turn.inputs) > self._max_inputs:
            return self._in_portions(turn, model=model)
        return self._engine.stream(turn, model=model)

    async def count(self, turn: Turn, *, model: str) -> int | None:
        """Return how many tokens the turn's prompt has; see `Engine.count`."""
        return await self._engine.count(turn, model=model)

    async def models(self) -> list[str]:
        """Return the names that the engine serves; see `Engine.models`."""
        return await self._engine.models()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._engine.close()

    async def _in_portions(
        self, turn: EmbeddingTurn, *, model: str
    ) -> AsyncGenerator[list[Delta], None]:
        usage = Usage()
        for begin in range(0, len(turn.inputs), self._max_inputs):
            inputs = turn.inputs[begin : begin + self._max_inputs]
            portion = msgspec.structs.replace(turn, inputs=inputs)
            async with aclosing(self._engine.stream(portion, model=model)) as running:
                async for deltas in running:
                    for delta in deltas:
                        usage += delta.usage or Usage()
                    yield [msgspec.structs.replace(delta, usage=None) for delta in deltas]
        yield [Delta(usage=usage)]
