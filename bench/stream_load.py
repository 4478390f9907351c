"""Streams that all run at once, each on a connection of its own, and the gaps between their tokens.

What is measured lies between the moment when the last stream's first token has come and the one
when the first stream's last token has: then, all of them are under way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from urllib.parse import urlsplit

from bench.calls import counted_stream
from bench.cpu import CpuMoment, CpuShares
from bench.garbage import no_collections
from bench.load import percentile_ms
from bench.paced import TOKEN_S, words
from bench.received import BadStream
from bench.stream_connection import StreamConnection

_GRACE_S = 10.0
"""How long a run waits, beyond the time that its streams take, for those still outstanding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoad:
    """Who is asked for how many streams, and of how many tokens; the keys are used in turn.

    `start_s` is how long it takes until all have been asked for: less than a stream takes. `pid`
    is the gateway's process, if there is one.
    """

    url: str
    keys: Sequence[str]
    streams: int
    tokens: int
    start_s: float
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """What a run measured while all of its streams were under way.

    `streams` counts those that arrived whole; without any, all figures are zero.
    """

    streams: int
    gap_p50_ms: float
    gap_p99_ms: float
    cpu: CpuShares
    errors: list[str]


async def run_streams(load: StreamLoad) -> StreamResult:
    """Ask for all streams and read them to their ends.

    Everything but a whole stream with every token is an error, and so is it when the streams were
    never all under way. Raises `OSError` if none listens.
    """
    async with _connected(load) as (connections, first_end):
        with no_collections():
            cpu = await _run(load, connections, first_end)
    times, errors = _token_times(connections, words(load.tokens))
    gaps_s = sorted(gaps_under_way(times))
    if not gaps_s:
        errors.append(f"the {load.streams} streams were never all under way")
    return StreamResult(
        streams=len(times),
        gap_p50_ms=percentile_ms(gaps_s, 0.50),
        gap_p99_ms=percentile_ms(gaps_s, 0.99),
        cpu=cpu,
        errors=errors,
    )


def gaps_under_way(times: Sequence[Sequence[float]]) -> list[float]:
    """Give the gaps between the tokens of each stream, as far as all streams are under way."""
    begin = max((stream[0] for stream in times), default=0.0)
    end = min((stream[-1] for stream in times), default=0.0)
    return [
        later - earlier
        for stream in times
        for earlier, later in pairwise(stream)
        if begin <= earlier and later <= end
    ]


@asynccontextmanager
async def _connected(
    load: StreamLoad,
) -> AsyncIterator[tuple[list[StreamConnection], asyncio.Event]]:
    host, _, port = urlsplit(load.url).netloc.partition(":")
    loop = asyncio.get_running_loop()
    first_end = asyncio.Event()
    connections: list[StreamConnection] = []
    try:
        for _ in range(load.streams):
            _, connection = await loop.create_connection(
                lambda: StreamConnection(first_end), host, int(port)
            )
            connections.append(connection)
        yield connections, first_end
    finally:
        for connection in connections:
            connection.transport.abort()


async def _run(
    load: StreamLoad, connections: Sequence[StreamConnection], first_end: asyncio.Event
) -> CpuShares:
    """Give who took the CPU between the last start and the first end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(load.start_s + load.tokens * TOKEN_S + _GRACE_S):
            await _ask_one_by_one(load, connections)
            before = CpuMoment.now(load.pid)
            await first_end.wait()
            cpu = CpuMoment.now(load.pid).shares_since(before)
            for connection in connections:
                await connection.ended.wait()
            return cpu
    return CpuShares()


async def _ask_one_by_one(load: StreamLoad, connections: Sequence[StreamConnection]) -> None:
    started_at = time.perf_counter()
    for number, request in enumerate(_requests(load)):
        due_at = started_at + load.start_s * number / load.streams
        # A sleep is never shorter than a millisecond: whoever is late asks without one.
        if (early_s := due_at - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        connections[number].ask(request)


def _requests(load: StreamLoad) -> Iterator[bytes]:
    return islice(cycle(counted_stream(load.tokens).encoded(load.url, load.keys)), load.streams)


def _token_times(
    connections: Sequence[StreamConnection], sent: Sequence[str]
) -> tuple[list[list[float]], list[str]]:
    times: list[list[float]] = []
    errors: list[str] = []
    for connection in connections:
        try:
            times.append(connection.received.token_times(sent))
        except BadStream as error:
            errors.append(f"{error}")
    return times, errors
