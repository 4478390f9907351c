"""Waiting for a wake-up, with the time as a net under it."""

from __future__ import annotations

import asyncio


async def woken(wake: asyncio.Event, *, within_s: float) -> None:
    """Return when `wake` is set, or when the time is over."""
    try:
        async with asyncio.timeout(within_s):
            await wake.wait()
    except TimeoutError:
        pass
