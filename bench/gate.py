"""An engine behind a gate: it answers at once, or holds what it is asked until the gate is opened.

It notes when it was asked and when it answered; instants are `perf_counter`'s.
"""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bench.upstream import UpstreamConnection, serve_upstream

CHAT_ROUTE = b"POST /v1/chat/completions"


class Gate:
    """What the engine's connections share. It is open at first."""

    def __init__(self) -> None:
        self.asked_at: array[float] = array("d")
        self.answered_at: array[float] = array("d")
        self._is_open = True
        self._held: list[_GatedConnection] = []
        self._asked = asyncio.Event()
        self._awaited = 0
        self._has_answered = asyncio.Event()

    def shut(self) -> None:
        """Hold whatever is asked from now on."""
        self._is_open = False

    def open(self) -> float:
        """Answer all that is held, and from now on at once; gives the instant."""
        opened_at = time.perf_counter()
        self._is_open = True
        held, self._held = self._held, []
        for connection in held:
            self._answer(connection)
        return opened_at

    async def next_asked(self) -> float:
        """Wait until the engine is asked again, and give the instant."""
        self._asked.clear()
        await self._asked.wait()
        return self.asked_at[-1]

    async def answered(self, calls: int) -> None:
        """Wait until so many calls were answered since the start."""
        self._awaited = calls
        self._has_answered.clear()
        if len(self.answered_at) < calls:
            await self._has_answered.wait()

    def take(self, connection: "_GatedConnection") -> None:
        """Answer the connection's turn, now or later."""
        self.asked_at.append(time.perf_counter())
        self._asked.set()
        if self._is_open:
            self._answer(connection)
        else:
            self._held.append(connection)

    def drop(self, connection: "_GatedConnection") -> None:
        """Forget a connection that is lost."""
        with suppress(ValueError):
            self._held.remove(connection)

    def _answer(self, connection: "_GatedConnection") -> None:
        connection.answer_turn()
        self.answered_at.append(time.perf_counter())
        if len(self.answered_at) == self._awaited:
            self._has_answered.set()


@asynccontextmanager
async def serve_gated_upstream(gate: Gate) -> AsyncIterator[str]:
    """Serve on a free port of this machine, and give the URL without `/v1`."""
    async with serve_upstream(lambda: _GatedConnection(gate)) as url:
        yield url


class _GatedConnection(UpstreamConnection):
    """Lets the gate decide when a turn is answered."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def answer(self, route: bytes, body: bytes) -> None:
        if route == CHAT_ROUTE:
            self._gate.take(self)
        else:
            super().answer(route, body)

    def answer_turn(self) -> None:
        """Send the whole answer of one turn."""
        super().answer(CHAT_ROUTE, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.drop(self)
