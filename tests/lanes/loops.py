"""Loops of the lanes, run as long as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


async def moment(_: float) -> None:
    """Let others run instead of waiting."""
    await asyncio.sleep(0)


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run these loops until the block is left."""

    async def run(loop: Callable[[], Awaitable[None]]) -> None:
        with suppress(asyncio.CancelledError):
            await loop()

    tasks = [asyncio.create_task(run(loop)) for loop in loops]
    await asyncio.sleep(0)  # a task that is cancelled before its first step runs nothing
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
