"""Work on a server that may end under it: another command's, which is about to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console

from forebay.cli.batch.calls import Calls, calls_to
from forebay.cli.batch.endings import ServerGone
from forebay.cli.batch.reaching import reached
from forebay.cli.batch.wishes import ServerWish

T = TypeVar("T")

SERVERS = 3
"""How many servers of the data directory are tried: another command may end the one it started."""


async def served(wish: ServerWish, console: Console, work: Callable[[Calls], Awaitable[T]]) -> T:
    """Return what the work returns, which is begun again when the data directory's server ended.

    Raises as `reached` does, and what the work raises.
    """
    for tries in range(1, SERVERS + 1):
        is_local = False
        try:
            async with reached(wish, console) as server, calls_to(server) as calls:
                is_local = server.is_local
                return await work(calls)
        except ServerGone:
            if not is_local or tries == SERVERS:
                raise
    raise AssertionError("the last server's end was raised")
