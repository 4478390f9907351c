"""Health: probes tell whether a replica can be reached, and which models it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.engines.health import HealthWatch
from forebay.engines.pool import Replica
from tests.fakes import ScriptedEngine


class Watched:
    """A replica under watch, and what the watch told."""

    def __init__(self) -> None:
        self.engine = ScriptedEngine(models=("tiny", "large"))
        self.replica = Replica("watched", self.engine, slots=1)
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self.watch = HealthWatch(self.replica, on_up=self._up, on_down=self._down)

    async def told(self) -> str:
        """Return what the watch tells next."""
        return await self._told.get()

    def _up(self, replica: Replica, models: list[str]) -> None:
        replica.breaker = replica.breaker.found()
        self._told.put_nowait(f"up: {', '.join(models)}")

    def _down(self, replica: Replica, reason: str) -> None:
        replica.breaker = replica.breaker.lost(reason)
        self._told.put_nowait(f"down: {reason}")


@asynccontextmanager
async def watching(watched: Watched) -> AsyncIterator[None]:
    """Watch until the block is left."""
    task = asyncio.create_task(watched.watch.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_probe_tells_the_models_of_a_replica_that_is_well() -> None:
    watched = Watched()
    async with watching(watched):
        assert await watched.told() == "up: tiny, large"
        await watched.watch.has_probed.wait()


@pytest.mark.parametrize(
    "error", [EngineUnavailable("gone"), RuntimeError("a bug"), RecursionError("too deep")]
)
async def test_a_probe_that_raises_anything_marks_the_replica_down_and_the_watch_lives_on(
    error: Exception,
) -> None:
    watched = Watched()
    watched.engine.probe_error = error
    async with watching(watched):
        assert await watched.told() == f"down: {error}"
        watched.engine.probe_error = None
        watched.watch.suspect()
        assert await watched.told() == "up: tiny, large"


async def test_a_replica_that_is_suspected_is_probed_at_once() -> None:
    watched = Watched()
    async with watching(watched):
        await watched.told()
        watched.engine.probe_error = EngineUnavailable("gone")
        watched.watch.suspect()
        assert await watched.told() == "down: gone"
