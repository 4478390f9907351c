"""A backlog in the background: requests created while the engine is held, then drained."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from bench.calls import response
from bench.cpu import process_s
from bench.databases import Database, charges
from bench.gate import Gate
from bench.load import Load, LoadResult, run_load

TENTHS = 10

_BARE_S = 1.5
_MAX_TENTH_S = 60.0
_MIN_DRAIN_S = 30.0
_MIN_DRAINED_PER_S = 200
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Creates:
    """Both servers' figures, and how many requests Forebay has taken on; CPU is of one create."""

    per_s: float
    bare_per_s: float
    p99_ms: float
    bare_p99_ms: float
    cpu_ms: float
    bare_cpu_ms: float
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """The rates at which the engine answered; `per_s` counts until the last one was settled.

    `cpu_ms` is the server's CPU for one request.
    """

    per_s: float
    cpu_ms: float
    first_tenth_per_s: float
    last_tenth_per_s: float
    failures: list[str]


class Creating:
    """A server that is sent creates, and what came of them."""

    def __init__(self, *, url: str, pid: int, keys: Sequence[str], connections: int) -> None:
        self._url = url
        self._pid = pid
        self._keys = keys
        self._connections = connections
        self._results: list[LoadResult] = []
        self._cpu_s = 0.0
        self.failures: list[str] = []

    async def run(self, *, seconds: float, at_most: int | None = None) -> None:
        """Create for so long, or until there are so many."""
        before_s = process_s(self._pid)
        result = await run_load(
            Load(
                url=self._url,
                keys=self._keys,
                call=response(is_background=True),
                connections=self._connections,
                seconds=seconds,
                max_requests=at_most,
            )
        )
        self._cpu_s += process_s(self._pid) - before_s
        self._results.append(result)
        if result.errors or not result.requests:
            first = result.first_error or "no answer came at all"
            self.failures.append(f"creates: {result.errors} errors, the first:\n{first}")

    @property
    def created(self) -> int:
        """How many creates were answered."""
        return sum(result.requests for result in self._results)

    @property
    def cpu_ms(self) -> float:
        """The server's CPU for one create."""
        return 1000 * self._cpu_s / (self.created or 1)

    def median(self, figure: Callable[[LoadResult], float]) -> float:
        """Give the middle value of one figure over the runs."""
        return median(figure(result) for result in self._results)


async def create_backlog(
    *, forebay: Creating, bare: Creating, requests: int, say: Callable[[str], None]
) -> Creates:
    """Create the requests in ten parts, with a moment of the bare server's before each."""
    for tenth in range(1, TENTHS + 1):
        say(f"creates: part {tenth} of {TENTHS}")
        await bare.run(seconds=_BARE_S)
        await forebay.run(seconds=_MAX_TENTH_S, at_most=requests // TENTHS)
    return Creates(
        per_s=forebay.median(attrgetter("requests_per_s")),
        bare_per_s=bare.median(attrgetter("requests_per_s")),
        p99_ms=forebay.median(attrgetter("p99_ms")),
        bare_p99_ms=bare.median(attrgetter("p99_ms")),
        cpu_ms=forebay.cpu_ms,
        bare_cpu_ms=bare.cpu_ms,
        created=forebay.created,
    )


async def drain(
    *,
    gate: Gate,
    database: Database,
    pid: int,
    requests: int,
    asked_before: int,
    charged_before: int,
) -> Drain:
    """Let the engine go, and wait until every request is settled; a limit of time ends it, too.

    `asked_before` calls of the engine were other ones.
    """
    before_s = process_s(pid)
    opened_at = gate.open()
    # What the engine held was claimed long ago: its answers are no work of a tenth.
    answered_at_once = len(gate.answered_at)
    limit_s = _MIN_DRAIN_S + requests / _MIN_DRAINED_PER_S
    failures: list[str] = []
    try:
        async with asyncio.timeout(limit_s):
            await gate.answered(asked_before + requests)
            charged = 0
            while charged < charged_before + requests:
                await asyncio.sleep(_POLL_S)
                charged = await charges(database)
    except TimeoutError:
        failures.append(f"{requests} requests were not drained in {limit_s:.0f} s")
    ended_at = time.perf_counter()
    answered_at = gate.answered_at[asked_before:]
    if len(answered_at) != requests:
        failures.append(f"the engine was asked {len(answered_at)} times for {requests} requests")
    drained_at = gate.answered_at[answered_at_once:]
    return Drain(
        per_s=len(answered_at) / (ended_at - opened_at),
        cpu_ms=1000 * (process_s(pid) - before_s) / (len(answered_at) or 1),
        first_tenth_per_s=rate_of_tenth(drained_at, 0, opened_at=opened_at),
        last_tenth_per_s=rate_of_tenth(drained_at, TENTHS - 1, opened_at=opened_at),
        failures=failures,
    )


def rate_of_tenth(answered_at: Sequence[float], tenth: int, *, opened_at: float) -> float:
    """Give the answers per second of one tenth of the answers, counted from 0."""
    share = len(answered_at) // TENTHS
    if not share:
        return 0.0
    begins_at = answered_at[tenth * share - 1] if tenth else opened_at
    return share / (answered_at[(tenth + 1) * share - 1] - begins_at)
