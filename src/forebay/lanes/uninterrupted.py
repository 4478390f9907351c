"""Work that a cancellation must not cut in half: writes whose outcome has to be known."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[None, None, T]) -> T:
    """Run `work` to its end, whatever comes; a cancellation takes effect only then.

    For short writes to disk, which end by themselves.
    """
    running = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        running.exception()  # seen: whoever cancelled does not wait for it
        raise cancellation
    return running.result()
