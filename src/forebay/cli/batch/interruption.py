"""Signals that end a command: its work is cancelled, and has the time to tidy up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal ended the work; a shell is told by 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


async def interruptible(work: Coroutine[None, None, T]) -> T:
    """Return what the work returns; a signal cancels it, another one what it does to tidy up.

    Raises `Interrupted` when a signal has ended it.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    caught: list[int] = []

    def end(number: int) -> None:
        caught.append(number)
        task.cancel()

    for number in ENDINGS:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not caught:
            raise
        raise Interrupted(caught[0]) from None
    finally:
        for number in ENDINGS:
            loop.remove_signal_handler(number)
