"""An engine that streams at a pace: a token every 20 ms to each of its callers, as real ones do.

All streams share one timer. Their moments are spread evenly over the 20 ms, so that the gateway's
work is, too.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import cycle

from bench.upstream import STREAM_HEAD, UpstreamConnection, http_chunks, serve_upstream

TOKEN_S = 0.020

_TICK_S = 0.001
_TICKS = round(TOKEN_S / _TICK_S)


@asynccontextmanager
async def serve_paced_upstream() -> AsyncIterator[str]:
    """Serve on a free port of this machine, and give the URL without `/v1`.

    A chat completion has as many tokens as its `max_tokens`.
    """
    wheel = _Wheel(asyncio.get_running_loop())
    async with serve_upstream(lambda: _PacedConnection(wheel)) as url:
        yield url


def words(tokens: int) -> list[str]:
    """Give the tokens of an answer; each is another, so that none can be missing unseen."""
    return [f"w{number} " for number in range(tokens)]


class _Wheel:
    """Lets each stream send once in a turn of the wheel, in the tick that it was given."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._started_at = time.perf_counter()
        self._ticks_done = 0
        self._is_turning = False
        self._streams: list[set[_PacedConnection]] = [set() for _ in range(_TICKS)]
        self._next_tick = cycle(self._streams)

    def join(self, stream: "_PacedConnection") -> None:
        """Let the stream send its first token before the wheel has turned once."""
        next(self._next_tick).add(stream)
        if not self._is_turning:
            self._is_turning = True
            self._ticks_done = self._ticks_due()
            self._loop.call_later(_TICK_S, self._turn)

    def leave(self, stream: "_PacedConnection") -> None:
        """Forget the stream, if it was here."""
        for streams in self._streams:
            streams.discard(stream)

    def _turn(self) -> None:
        due = self._ticks_due()
        for tick in range(self._ticks_done + 1, due + 1):
            for stream in list(self._streams[tick % _TICKS]):
                stream.send_next()
        self._ticks_done = due
        self._is_turning = any(self._streams)
        if self._is_turning:
            # Always a whole tick, as less is rounded to nothing; a late one is made up for.
            self._loop.call_later(_TICK_S, self._turn)

    def _ticks_due(self) -> int:
        return int((time.perf_counter() - self._started_at) / _TICK_S)


class _PacedConnection(UpstreamConnection):
    """Answers a chat completion with a token for each turn of the wheel."""

    def __init__(self, wheel: _Wheel) -> None:
        self._wheel = wheel
        self._pieces: list[bytes] = []
        self._sent = 0

    def answer(self, route: bytes, body: bytes) -> None:
        if route != b"POST /v1/chat/completions":
            super().answer(route, body)
            return
        self._pieces = _pieces(json.loads(body)["max_tokens"])
        self._sent = 1
        self.transport.write(STREAM_HEAD + self._pieces[0])
        self._wheel.join(self)

    def send_next(self) -> None:
        """Send one token, or the end of the answer after the last one."""
        self.transport.write(self._pieces[self._sent])
        self._sent += 1
        if self._sent == len(self._pieces):
            self._wheel.leave(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.leave(self)


@cache
def _pieces(tokens: int) -> list[bytes]:
    return http_chunks(words(tokens))
