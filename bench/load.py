"""A closed loop of calls: each connection asks again when it was answered."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

from bench.calls import Call
from bench.connection import LoadConnection, Tally

_GRACE_S = 10.0
"""How long a run waits, beyond its own seconds, for the answers still outstanding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Who is asked for what, and for how long; the keys are used in turn.

    The pause is a connection's own after each answer, on the average; without one the load is all
    that can be taken.
    """

    url: str
    keys: Sequence[str]
    call: Call
    connections: int
    seconds: float
    pause_s: float = 0.0
    max_requests: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What a run measured over its answers: those with status 200 that arrived whole.

    The first byte is the body's, not the head's. Without an answer all figures are zero.
    """

    requests: int
    seconds: float
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    first_byte_p99_ms: float
    errors: int
    first_error: str | None


async def run_load(load: Load) -> LoadResult:
    """Ask until the time or the number of requests is used up, then wait for the last answers.

    Everything but a whole answer with status 200 is counted as an error: another status, a stream
    cut short, a lost connection, no answer within the grace time. Raises `OSError` if none listens.
    """
    tally = Tally(
        requests=cycle(load.call.encoded(load.url, load.keys)),
        requests_left=load.max_requests,
        pause_s=load.pause_s,
        open=load.connections,
    )
    connections = await _connect(load, tally)
    try:
        tally.started_at = tally.ended_at = time.perf_counter()
        tally.stop_at = tally.started_at + load.seconds
        for connection in connections:
            connection.ask()
        async with asyncio.timeout(load.seconds + _GRACE_S):
            await tally.finished.wait()
    except TimeoutError:
        for connection in connections:
            connection.give_up(f"no answer within {_GRACE_S:.0f} s of the end of the run")
    finally:
        for connection in connections:
            connection.transport.abort()
    return _result(tally)


async def _connect(load: Load, tally: Tally) -> list[LoadConnection]:
    host, _, port = urlsplit(load.url).netloc.partition(":")
    loop = asyncio.get_running_loop()
    connections: list[LoadConnection] = []
    try:
        for _ in range(load.connections):
            _, connection = await loop.create_connection(
                lambda: LoadConnection(tally), host, int(port)
            )
            connections.append(connection)
    except BaseException:
        for connection in connections:
            connection.transport.abort()
        raise
    return connections


def _result(tally: Tally) -> LoadResult:
    seconds = tally.ended_at - tally.started_at
    latencies_s = sorted(tally.latencies_s)
    first_bytes_s = sorted(tally.first_bytes_s)
    return LoadResult(
        requests=len(latencies_s),
        seconds=seconds,
        requests_per_s=len(latencies_s) / seconds if seconds else 0.0,
        p50_ms=percentile_ms(latencies_s, 0.50),
        p99_ms=percentile_ms(latencies_s, 0.99),
        first_byte_p50_ms=percentile_ms(first_bytes_s, 0.50),
        first_byte_p99_ms=percentile_ms(first_bytes_s, 0.99),
        errors=tally.errors,
        first_error=tally.first_error,
    )


def percentile_ms(ordered_s: list[float], share: float) -> float:
    """Take the nearest rank: the smallest value that at least this share does not exceed.

    Without any value it is zero.
    """
    if not ordered_s:
        return 0.0
    return ordered_s[math.ceil(share * len(ordered_s)) - 1] * 1000
