"""An open loop of calls: they are made at a pace, whether the earlier ones were answered or not.

So a server that stands still for a moment is asked on, and every call that it kept waiting counts.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from urllib.parse import urlsplit

from bench.answer_connection import AnswerConnection
from bench.calls import Call

_CONNECTIONS = 64
_GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Who is asked for what, and how often; the keys are used in turn."""

    url: str
    keys: Sequence[str]
    call: Call
    per_s: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time between two instants of `perf_counter`."""

    begin: float
    end: float

    def __contains__(self, at: float) -> bool:
        return self.begin <= at < self.end


@dataclass(slots=True)
class PacedCalls:
    """What came of the calls: those with status 200 that were answered whole, and the errors."""

    sent_at: list[float] = field(default_factory=list)
    latency_s: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str | None = None

    @property
    def answers(self) -> int:
        """How many were answered."""
        return len(self.latency_s)

    def latencies_s(self, stretch: Stretch) -> list[float]:
        """Give the latencies of the calls that were made in the stretch, ordered."""
        return sorted(
            latency_s
            for sent_at, latency_s in zip(self.sent_at, self.latency_s, strict=True)
            if sent_at in stretch
        )

    def fail(self, message: str) -> None:
        """Count an error, and keep the first one's message."""
        self.errors += 1
        if self.first_error is None:
            self.first_error = message


@asynccontextmanager
async def paced_calls(pace: Pace) -> AsyncIterator[PacedCalls]:
    """Call while the block runs, then wait for the last answers; what has none is an error.

    Raises `OSError` if none listens.
    """
    calls = PacedCalls()
    line = _Line(calls, cycle(pace.call.encoded(pace.url, pace.keys)))
    await line.connect(pace.url)
    try:
        asking = asyncio.create_task(_ask(line, pace.per_s))
        try:
            yield calls
        finally:
            asking.cancel()
        await line.quiet()
    finally:
        line.close()


async def _ask(line: "_Line", per_s: float) -> None:
    chance = Random(1)
    due_at = time.perf_counter()
    while True:
        # Not quite even, or else it could keep step with something that happens at times.
        due_at += chance.uniform(0.5, 1.5) / per_s
        # A sleep is never shorter than a millisecond: whoever is late asks without one.
        if (early_s := due_at - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        line.ask()


class _Line:
    """The connections; a call that finds none free waits for one, and its wait counts."""

    def __init__(self, calls: PacedCalls, requests: Iterator[bytes]) -> None:
        self.calls = calls
        self._requests = requests
        self._all: list[_PacedConnection] = []
        self._free: list[_PacedConnection] = []
        self._waiting: deque[float] = deque()
        self._is_quiet = asyncio.Event()

    async def connect(self, url: str) -> None:
        host, _, port = urlsplit(url).netloc.partition(":")
        loop = asyncio.get_running_loop()
        try:
            for _ in range(_CONNECTIONS):
                _, connection = await loop.create_connection(
                    lambda: _PacedConnection(self), host, int(port)
                )
                self._all.append(connection)
        except BaseException:
            self.close()
            raise
        self._free = list(self._all)

    def ask(self) -> None:
        """Make a call now."""
        now = time.perf_counter()
        if self._free:
            self._free.pop().send(next(self._requests), now)
        else:
            self._waiting.append(now)

    def free(self, connection: "_PacedConnection") -> None:
        """Let the connection make the call that has waited longest."""
        if self._waiting:
            connection.send(next(self._requests), self._waiting.popleft())
            return
        self._free.append(connection)
        if len(self._free) == len(self._all):
            self._is_quiet.set()

    def lose(self, connection: "_PacedConnection") -> None:
        """Do without the connection."""
        self._all.remove(connection)
        if connection in self._free:
            self._free.remove(connection)
        if len(self._free) == len(self._all):
            self._is_quiet.set()

    async def quiet(self) -> None:
        """Wait until all is answered, but not for ever."""
        self._is_quiet.clear()
        if len(self._free) < len(self._all):
            try:
                async with asyncio.timeout(_GRACE_S):
                    await self._is_quiet.wait()
            except TimeoutError:
                for connection in list(self._all):
                    connection.give_up(f"no answer within {_GRACE_S:.0f} s of the last call")
        for _ in self._waiting:
            self.calls.fail("every connection was waiting for an answer")

    def close(self) -> None:
        """Let go of all connections."""
        for connection in self._all:
            connection.transport.abort()


class _PacedConnection(AnswerConnection):
    """Asks when it is told to."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line
        self._is_lost = False

    def answered(self, now: float, failure: str | None) -> None:
        if failure is not None:
            self._line.calls.fail(failure)
        else:
            self._line.calls.sent_at.append(self.sent_at)
            self._line.calls.latency_s.append(now - self.sent_at)
        self._line.free(self)

    def given_up(self, reason: str | None) -> None:
        if reason is not None:
            self._line.calls.fail(reason)
        if not self._is_lost:
            self._is_lost = True
            self._line.lose(self)
