"""What the house asks of an engine: one streamed turn, and a sign of life."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from forebay.dialects.turn import AnyTurn, Delta, Turn


class Engine(Protocol):
    """One running inference server."""

    @property
    def takes_prefill(self) -> bool:
        """Whether it goes on with an assistant's message that ends a turn, as it last told."""
        ...

    def stream(self, turn: AnyTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Run a turn of one choice (and one prompt) under the engine's own name of the model.

        Each item holds what one read brought. Closing the generator ends the turn in the engine.
        Raises `EngineUnavailable`, `EngineBusy`, `EngineFailed`, or a `RequestRejected` when the
        engine blames the request.
        """
        ...

    async def count(self, turn: Turn, *, model: str) -> int | None:
        """Return how many tokens the turn's prompt has, as the engine itself counts them.

        That is None where only a run of the turn can tell.
        """
        ...

    async def models(self) -> list[str]:
        """Return the names that the engine serves; raises `EngineError` when it is not well."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
