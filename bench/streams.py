"""What a stream at pace costs on its way through: the gaps between its tokens at the caller.

The upstream sends 50 tokens a second to each of 400 callers. Asked directly it shows what the load
and the machine do to the gaps; through Forebay they may be 1.3 times that, at the 99th percentile.
The upstream and the load share one process, and so one core; the gateway has the rest.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.baseline import serve_bare
from bench.figure import Figure, Report
from bench.gateway import count_charges, serve_forebay
from bench.ledger import ledger_failures, ledger_figure
from bench.measurement import Subject, Target, targets
from bench.paced import TOKEN_S, serve_paced_upstream
from bench.stream_load import StreamLoad, StreamResult, run_streams

_STREAMS = 400
_TOKENS = 200
_START_S = 0.6
_WARM_UP_TOKENS = 80
_MAX_RATIO = 1.3
_PACE_TOLERANCE = 0.1
"""How far the upstream's own gaps may lie beside 20 ms, or else the load is the bottleneck."""
_MAX_OTHERS = 100 * max(0.25, (os.cpu_count() or 1) - 1.5)
"""Percent of a core that other programs may take; the gateway and the load need one and a half."""


async def run_stream_gaps(*, rounds: int, say: Callable[[str], None]) -> Report:
    """Run the scenario, in about a minute with three rounds, and leave nothing running.

    Raises `CommandFailed` if a server or a command does not do its part.
    """
    with TemporaryDirectory(prefix="forebay-bench-") as name:
        folder = Path(name)
        measured = folder / "measured"
        async with (
            serve_paced_upstream() as upstream,
            serve_forebay(upstream=upstream, folder=measured, slots=_STREAMS) as gateway,
            serve_bare(upstream=upstream, logs=folder) as bare,
        ):
            runs = _Runs(await targets(upstream=upstream, bare=bare, gateway=gateway))
            say(f"warming up for {_STREAMS} streams")
            await runs.warm_up()
            for number in range(1, rounds + 1):
                say(f"round {number} of {rounds}: {_STREAMS} streams")
                await runs.run_round()
        charges = count_charges(measured)
    answers = runs.whole_streams(Subject.FOREBAY)
    return Report(
        figures=[*_figures(runs), ledger_figure("streams", charges=charges, answers=answers)],
        failures=[
            *runs.failures,
            *_load_failures(runs),
            *ledger_failures(charges=charges, answers=answers),
        ],
    )


class _Runs:
    """The runs by subject, all subjects in turn; `failures` are also those of the warming up."""

    def __init__(self, subjects: Sequence[Target]) -> None:
        self.failures: list[str] = []
        self._targets = subjects
        self._warm_ups: dict[Subject, StreamResult] = {}
        self._results: dict[Subject, list[StreamResult]] = defaultdict(list)

    async def warm_up(self) -> None:
        """Ask each subject for short streams, and keep no figure of it."""
        for target in self._targets:
            self._warm_ups[target.subject] = await self._run(target, tokens=_WARM_UP_TOKENS)

    async def run_round(self) -> None:
        """Ask each subject once, and keep its figures."""
        for target in self._targets:
            self._results[target.subject].append(await self._run(target, tokens=_TOKENS))

    def median(self, subject: Subject, figure: Callable[[StreamResult], float]) -> float:
        """Give the middle value of one figure over the rounds."""
        return median(figure(result) for result in self._results[subject])

    def whole_streams(self, subject: Subject) -> int:
        """Count the streams that arrived whole, those of the warming up too."""
        results = [self._warm_ups[subject], *self._results[subject]]
        return sum(result.streams for result in results)

    async def _run(self, target: Target, *, tokens: int) -> StreamResult:
        result = await run_streams(
            StreamLoad(
                url=target.url,
                keys=target.keys,
                streams=_STREAMS,
                tokens=tokens,
                start_s=_START_S,
                pid=target.pid,
            )
        )
        if result.errors:
            self.failures.append(
                f"{target.subject}: streams at pace: {len(result.errors)} errors, the first:\n"
                f"{result.errors[0]}"
            )
        return result


def _figures(runs: _Runs) -> Iterator[Figure]:
    yield _gap_figure(runs, Subject.FOREBAY, "p50", attrgetter("gap_p50_ms"))
    yield _gap_figure(runs, Subject.BARE, "p50", attrgetter("gap_p50_ms"))
    p99 = _gap_figure(runs, Subject.FOREBAY, "p99", attrgetter("gap_p99_ms"))
    yield p99
    yield _gap_figure(runs, Subject.BARE, "p99", attrgetter("gap_p99_ms"))
    if p99.ratio is not None:
        yield Figure(
            name=f"{_STREAMS} streams, token gap p99, times the upstream's",
            value=p99.ratio,
            unit="x",
            baseline=_MAX_RATIO,
            baseline_name="target, at most",
        )
    yield from _cpu_figures(runs)


def _gap_figure(
    runs: _Runs, subject: Subject, label: str, gap_of: Callable[[StreamResult], float]
) -> Figure:
    suffix = "" if subject is Subject.FOREBAY else f", the {subject}"
    return Figure(
        name=f"{_STREAMS} streams, token gap {label}{suffix}",
        value=runs.median(subject, gap_of),
        unit="ms",
        baseline=runs.median(Subject.UPSTREAM, gap_of),
        baseline_name=Subject.UPSTREAM,
    )


def _cpu_figures(runs: _Runs) -> Iterator[Figure]:
    """What the gateway takes, and whether the load or another program kept it from its work."""
    for label, field, baseline in (
        ("the gateway", "cpu.gateway", Subject.BARE),
        ("upstream and load", "cpu.load", Subject.UPSTREAM),
        ("other programs", "cpu.others", Subject.UPSTREAM),
    ):
        share_of: Callable[[StreamResult], float] = attrgetter(field)
        yield Figure(
            name=f"{_STREAMS} streams, CPU of {label}",
            value=runs.median(Subject.FOREBAY, share_of),
            unit="%",
            baseline=runs.median(baseline, share_of),
            baseline_name=baseline,
        )


def _load_failures(runs: _Runs) -> Iterator[str]:
    """What makes the figures worthless although every token came."""
    gap_s = runs.median(Subject.UPSTREAM, attrgetter("gap_p50_ms")) / 1000
    if abs(gap_s - TOKEN_S) > TOKEN_S * _PACE_TOLERANCE:
        yield f"the upstream sent a token every {gap_s * 1000:.1f} ms, not every 20 ms"
    for subject in Subject:
        others = runs.median(subject, attrgetter("cpu.others"))
        if others > _MAX_OTHERS:
            yield (
                f"{subject}: other programs took {others:.0f} % of a core, so the gaps are theirs, "
                "too; run this again when they rest"
            )
