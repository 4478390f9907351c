"""Health: probes decide who gets turns, and who fails turn after turn rests while others serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from forebay.core.errors import EngineUnavailable
from forebay.engines.health import MAX_FAILURES, MAX_REST_S, MIN_REST_S, HealthWatch
from forebay.engines.pool import Pool, Replica
from tests.fakes import ScriptedEngine


class Watched:
    """A replica under watch, and what the watch told; it rests as long as nobody looks."""

    def __init__(self, *pools: Pool) -> None:
        self.engine = ScriptedEngine(models=("tiny", "large"))
        self.replica = Replica("watched", self.engine, slots=1, is_up=True)
        for pool in pools:
            pool.add(self.replica, model="tiny")
        self.rests_s: list[float] = []
        self.was_up_while_resting = False
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self.watch = HealthWatch(self.replica, on_up=self._up, on_down=self._down, sleep=self._rest)

    async def told(self) -> str:
        """Return what the watch tells next."""
        return await self._told.get()

    def _up(self, replica: Replica, models: list[str]) -> None:
        replica.is_up = True
        self._told.put_nowait(f"up: {', '.join(models)}")

    def _down(self, replica: Replica, reason: str) -> None:
        replica.is_up = False
        self._told.put_nowait(f"down: {reason}")

    async def _rest(self, seconds: float) -> None:
        self.was_up_while_resting |= self.replica.is_up
        self.rests_s.append(seconds)


@pytest.fixture
def pool() -> Pool:
    """A pool with one replica, that is well."""
    pool = Pool("tiny")
    pool.add(Replica("other", ScriptedEngine(), slots=1, is_up=True), model="tiny")
    return pool


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


async def test_a_replica_that_fails_turn_after_turn_rests_while_another_serves(
    pool: Pool,
) -> None:
    watched = Watched(pool)
    watched.replica.failures = MAX_FAILURES
    async with watching(watched):
        assert await watched.told() == f"down: it failed {MAX_FAILURES} turns in a row"
        assert await watched.told() == "up: tiny, large"
    assert watched.rests_s == [MIN_REST_S]
    assert not watched.was_up_while_resting


async def test_each_further_failure_makes_the_rest_longer_up_to_the_longest(pool: Pool) -> None:
    watched = Watched(pool)
    async with watching(watched):
        await watched.told()
        for failures in (MAX_FAILURES, MAX_FAILURES + 1, MAX_FAILURES + 5000):
            watched.replica.failures = failures
            watched.watch.suspect()
            assert (await watched.told()).startswith("down")
            assert (await watched.told()).startswith("up")
    assert watched.rests_s == [MIN_REST_S, 2 * MIN_REST_S, MAX_REST_S]


async def test_a_few_failures_are_no_reason_to_rest(pool: Pool) -> None:
    watched = Watched(pool)
    watched.replica.failures = MAX_FAILURES - 1
    async with watching(watched):
        assert await watched.told() == "up: tiny, large"
    assert watched.rests_s == []


async def test_the_last_replica_of_a_pool_never_rests(pool: Pool) -> None:
    watched = Watched(pool)
    watched.replica.failures = 99
    pool.members[0].replica.is_up = False
    async with watching(watched):
        assert await watched.told() == "up: tiny, large"
    assert watched.rests_s == []


async def test_a_replica_that_is_the_last_one_of_any_of_its_pools_never_rests(
    pool: Pool,
) -> None:
    watched = Watched(pool, Pool("large"))
    watched.replica.failures = 99
    async with watching(watched):
        assert await watched.told() == "up: tiny, large"
    assert watched.rests_s == []
