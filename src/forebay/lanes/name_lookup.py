"""Names to addresses, in threads of our own: a name server that hangs holds up its own names only.

The system's resolver blocks, for as long as it likes. All who want one name at a time share one
look-up, and so one thread; nothing is remembered after it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

MAX_AT_ONCE = 32

Found = list[tuple[int, str]]
"""Addresses, each with its family."""

LookUp = Callable[[str, int], Awaitable[Found]]
"""Returns the addresses of a host, of a family or (0) of any; raises `OSError`."""

Ask = Callable[[str, int], Found]
"""Does the same, and blocks."""


def system_names(host: str, family: int) -> Found:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    return [(kind, str(address[0])) for kind, _, _, _, address in found]


class NameLookup:
    """Asks a resolver that blocks, in threads."""

    def __init__(self, ask: Ask = system_names) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(MAX_AT_ONCE, "forebay-names")
        self._running: dict[tuple[str, int], asyncio.Future[Found]] = {}

    async def __call__(self, host: str, family: int) -> Found:
        """Return the addresses of `host`; raises `OSError` when there are none."""
        key = (host, family)
        running = self._running.get(key)
        if running is None:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._ask, host, family)
            self._running[key] = running
            running.add_done_callback(lambda _: self._forget(key, running))
        # Whoever leaves leaves alone: others may wait for it, too.
        return await asyncio.shield(running)

    def close(self) -> None:
        """Begin no more look-ups; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, key: tuple[str, int], ended: asyncio.Future[Found]) -> None:
        self._running.pop(key, None)
        if not ended.cancelled():
            ended.exception()  # seen, even if everybody has left
