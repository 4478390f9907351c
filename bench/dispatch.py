"""How soon the engine is asked for a turn: one call at a time, on an engine that has nothing to do.

The calls of the background and those that wait for their answers take turns, so that a busy moment
of the machine does not fall on one kind alone.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from random import Random
from urllib.parse import urlsplit

from bench.calls import response
from bench.gate import Gate
from bench.load import percentile_ms
from bench.process import CommandFailed

_CALL_S = 30.0
_WARM_UP_CALLS = 20
_PAUSE_S = (0.008, 0.016)


@dataclass(slots=True)
class DispatchTimes:
    """Seconds until the engine was asked, of each call; those since the answer may be negative."""

    since_sent_s: list[float] = field(default_factory=list)
    since_answered_s: list[float] = field(default_factory=list)

    def sent_ms(self, share: float) -> float:
        """Give a percentile of the time since the call was sent."""
        return percentile_ms(sorted(self.since_sent_s), share)

    def answered_ms(self, share: float) -> float:
        """Give a percentile of the time since the call was answered."""
        return percentile_ms(sorted(self.since_answered_s), share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatches:
    """The times of both kinds; the calls counted are also those of the warming up."""

    background: DispatchTimes
    realtime: DispatchTimes
    background_calls: int
    calls: int


async def measure_dispatches(
    *, url: str, keys: Sequence[str], gate: Gate, calls: int
) -> Dispatches:
    """Make so many calls of each kind, and a few before that are in no figure.

    Raises `CommandFailed` for any answer but a 200.
    """
    chance = Random(1)
    background, realtime = DispatchTimes(), DispatchTimes()
    kinds = [
        (times, cycle(response(is_background=is_background).encoded(url, keys)))
        for times, is_background in ((background, True), (realtime, False))
    ]
    line = await _Line.open(url, gate)
    try:
        for _, requests in kinds:
            for request in islice(requests, _WARM_UP_CALLS):
                await line.call(request)
        for _ in range(calls):
            for times, requests in kinds:
                await asyncio.sleep(chance.uniform(*_PAUSE_S))
                sent_at, asked_at, answered_at = await line.call(next(requests))
                times.since_sent_s.append(asked_at - sent_at)
                times.since_answered_s.append(asked_at - answered_at)
    finally:
        line.close()
    return Dispatches(
        background=background,
        realtime=realtime,
        background_calls=calls + _WARM_UP_CALLS,
        calls=len(kinds) * (calls + _WARM_UP_CALLS),
    )


class _Line:
    """One kept-alive connection on which calls follow each other, and the engine behind it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: Gate
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._gate = gate

    @classmethod
    async def open(cls, url: str, gate: Gate) -> "_Line":
        host, _, port = urlsplit(url).netloc.partition(":")
        return cls(*await asyncio.open_connection(host, int(port)), gate)

    async def call(self, request: bytes) -> tuple[float, float, float]:
        """Give the instants at which it was sent, the engine was asked, and it was answered."""
        asking = asyncio.create_task(self._gate.next_asked())
        # So that it waits before anything can be asked.
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(_CALL_S):
                sent_at = time.perf_counter()
                self._writer.write(request)
                answered_at = await self._answered()
                return sent_at, await asking, answered_at
        except TimeoutError:
            raise CommandFailed(f"a call was not run within {_CALL_S:.0f} s") from None
        finally:
            asking.cancel()

    async def _answered(self) -> float:
        head = await self._reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n")[1:])
        body = await self._reader.readexactly(int(fields[b"content-length"]))
        answered_at = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200 "):
            raise CommandFailed(f"a call was answered\n{(head + body).decode(errors='replace')}")
        return answered_at

    def close(self) -> None:
        self._writer.close()
