"""Runs of the load against several subjects in turn, and what they add up to.

All subjects are asked in every round, so that a busy moment of the machine does not fall on one of
them alone, and a figure is the median over its rounds.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from bench.baseline import Baseline
from bench.calls import chat
from bench.gateway import Gateway
from bench.load import Load, LoadResult, run_load

_WARM_UP_S = 0.7


class Subject(StrEnum):
    """Who is asked."""

    UPSTREAM = "upstream alone"
    BARE = "bare loop"
    FOREBAY = "Forebay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a subject is, and the keys it knows; the upstream has no process of its own."""

    subject: Subject
    url: str
    keys: Sequence[str]
    pid: int | None


async def targets(*, upstream: str, bare: Baseline, gateway: Gateway) -> list[Target]:
    """Give all subjects, in the order in which they are asked."""
    keys = await gateway.create_keys()
    return [
        Target(subject=Subject.UPSTREAM, url=upstream, keys=keys, pid=None),
        Target(subject=Subject.BARE, url=bare.url, keys=keys, pid=bare.pid),
        Target(subject=Subject.FOREBAY, url=gateway.url, keys=keys, pid=gateway.pid),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How a subject is asked, and for how long in each round."""

    is_streamed: bool
    connections: int
    pause_s: float
    seconds: float

    def __str__(self) -> str:
        kind = "streamed chat" if self.is_streamed else "chat"
        return f"{kind}, {self.connections} connections"


class Measurements:
    """The runs by subject and variant; `answers` and `failures` count the warming up too."""

    def __init__(self, subjects: Sequence[Target]) -> None:
        self._targets = subjects
        self.answers: Counter[Subject] = Counter()
        self.failures: list[str] = []
        self._runs: dict[tuple[Subject, Variant], list[LoadResult]] = defaultdict(list)

    async def warm_up(self, variant: Variant) -> None:
        """Ask each subject for a moment, and keep no figure of it."""
        for target in self._targets:
            await self._run(target, variant, seconds=_WARM_UP_S)

    async def run_round(self, variant: Variant) -> None:
        """Ask each subject once, and keep its figures."""
        for target in self._targets:
            result = await self._run(target, variant, seconds=variant.seconds)
            self._runs[target.subject, variant].append(result)

    def median(
        self, subject: Subject, variant: Variant, figure: Callable[[LoadResult], float]
    ) -> float:
        """Give the middle value of one figure over the rounds."""
        return median(figure(result) for result in self._runs[subject, variant])

    async def _run(self, target: Target, variant: Variant, *, seconds: float) -> LoadResult:
        result = await run_load(
            Load(
                url=target.url,
                keys=target.keys,
                call=chat(is_streamed=variant.is_streamed),
                connections=variant.connections,
                seconds=seconds,
                pause_s=variant.pause_s,
            )
        )
        self.answers[target.subject] += result.requests
        if result.errors or not result.requests:
            first = result.first_error or "no answer came at all"
            self.failures.append(
                f"{target.subject}: {variant}: {result.errors} errors, the first:\n{first}"
            )
        return result
