"""Loops that wait to be woken, with the time as a net, and that survive a failing step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from forebay.core.errors import ForebayError

log = logging.getLogger(__name__)

AFTER_FAILURE_S = 1.0


async def woken(wake: asyncio.Event, *, within_s: float) -> bool:
    """Return when `wake` is set, or False when the time is over before."""
    try:
        async with asyncio.timeout(within_s):
            await wake.wait()
    except TimeoutError:
        return False
    return True


async def first_of(*events: asyncio.Event) -> None:
    """Return when any of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def repeat(step: Callable[[], Awaitable[float]], *, wake: asyncio.Event, doing: str) -> None:
    """Run `step` for ever, each time it is woken, or after the seconds that the last one returned.

    A step that fails is logged (`doing` says what failed) and run again after a pause: a loop ends
    only with its task.
    """
    while True:
        wake.clear()
        try:
            within_s = await step()
        except Exception as error:
            log_failure(doing, error)
            within_s = AFTER_FAILURE_S
        if within_s > 0:
            await woken(wake, within_s=within_s)


def log_failure(doing: str, error: Exception, **fields: str) -> None:
    """Log a failure that must not spread: a known one by its code, any other with its traceback."""
    if isinstance(error, ForebayError):
        log.error("%s failed", doing, extra={"code": error.code, "reason": str(error), **fields})
    else:
        log.error("%s failed", doing, extra=fields, exc_info=error)
