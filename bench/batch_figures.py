"""The figures of running batches on one database: how fast they run, how they end, the memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from bench.baseline import LoopResult
from bench.batch_run import TURN_TOKENS, BatchRun
from bench.databases import BatchLedger
from bench.figure import Figure
from bench.validation_figures import MAX_RESIDENT_MB

_MIN_LINES_PER_S = 2000.0
_MAX_FINALIZING_RATIO = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputMeasured:
    """Batches of equal size, each beside the bare loop on the same file."""

    database: str
    runs: Sequence[BatchRun]
    loops: Sequence[LoopResult]
    ledger: BatchLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class LongMeasured:
    """A few short batches, then long ones, whose memory was watched."""

    database: str
    short: Sequence[BatchRun]
    long: Sequence[BatchRun]
    resident_mb: float
    database_mb: float | None
    ledger: BatchLedger


def throughput_figures(measured: ThroughputMeasured) -> Iterator[Figure]:
    """Give every figure beside its baseline, and beside its target."""
    name = f"{measured.database}: batch of {measured.runs[0].lines:,} lines"
    per_s = _median(measured.runs, attrgetter("per_s"))
    yield Figure(
        name=f"{name}, median of {len(measured.runs)}",
        value=per_s,
        unit="/s",
        baseline=median(loop.per_s for loop in measured.loops),
        baseline_name="bare loop",
    )
    yield _rate_figure(name, per_s)
    yield Figure(
        name=f"{name}, CPU of each",
        value=_median(measured.runs, attrgetter("cpu_ms")),
        unit="ms",
        baseline=median(loop.cpu_ms for loop in measured.loops),
        baseline_name="bare loop",
    )
    yield _tokens_figure(f"{measured.database}: throughput", measured.ledger, measured.runs)


def long_figures(measured: LongMeasured) -> Iterator[Figure]:
    """Give every figure beside its baseline, and beside its target."""
    long = measured.long
    name = f"{measured.database}: batch of {long[0].lines:,} lines"
    yield _rate_figure(name, _median(long, attrgetter("per_s")))
    yield Figure(
        name=f"{name}, last tenth",
        value=_median(long, attrgetter("last_tenth_per_s")),
        unit="/s",
        baseline=_median(long, attrgetter("first_tenth_per_s")),
        baseline_name="first tenth",
    )
    yield from _finalizing_figures(measured, name)
    yield Figure(
        name=f"{name}, peak memory of all processes",
        value=measured.resident_mb,
        unit="MB",
        baseline=MAX_RESIDENT_MB,
        baseline_name="target, at most",
    )
    if measured.database_mb is not None:
        yield Figure(
            name=f"{name}, the database server's own memory",
            value=measured.database_mb,
            unit="MB",
        )
    runs = [*measured.short, *long]
    yield _tokens_figure(f"{measured.database}: short and long", measured.ledger, runs)


def batch_failures(runs: Sequence[BatchRun], ledger: BatchLedger) -> Iterator[str]:
    """Say what makes the figures worth nothing, if anything does."""
    for run in runs:
        yield from run.failures
    if ledger.charges != ledger.chunks:
        yield f"the ledger holds {ledger.charges} charges for {ledger.chunks} chunks of output"
    if ledger.tokens != _tokens(runs):
        yield f"the ledger holds {ledger.tokens} tokens of the engine's {_tokens(runs)}"


def _rate_figure(name: str, per_s: float) -> Figure:
    return Figure(
        name=name,
        value=per_s,
        unit="/s",
        baseline=_MIN_LINES_PER_S,
        baseline_name="target, at least",
    )


def _finalizing_figures(measured: LongMeasured, name: str) -> Iterator[Figure]:
    short_lines = measured.short[0].lines
    short_name = f"{short_lines:,} lines, median of {len(measured.short)}"
    for label, field in (
        ("last result", "finalizing_ms"),
        ("engine's last answer", "since_answer_ms"),
    ):
        of: Callable[[BatchRun], float] = attrgetter(field)
        yield Figure(
            name=f"{name}, {label} to completed",
            value=_median(measured.long, of),
            unit="ms",
            baseline=_median(measured.short, of),
            baseline_name=short_name,
        )
    # A millisecond is as little as the database's times can tell.
    short_ms = max(1.0, _median(measured.short, attrgetter("finalizing_ms")))
    yield Figure(
        name=f"{name}, last result to completed, times that of {short_lines:,}",
        value=_median(measured.long, attrgetter("finalizing_ms")) / short_ms,
        unit="x",
        baseline=_MAX_FINALIZING_RATIO,
        baseline_name="target, at most",
    )


def _tokens_figure(what: str, ledger: BatchLedger, runs: Sequence[BatchRun]) -> Figure:
    return Figure(
        name=f"{what}, tokens in the ledger",
        value=ledger.tokens,
        unit="",
        baseline=_tokens(runs),
        baseline_name="tokens of the engine",
    )


def _tokens(runs: Sequence[BatchRun]) -> int:
    return TURN_TOKENS * sum(run.lines for run in runs)


def _median(runs: Sequence[BatchRun], figure: Callable[[BatchRun], float]) -> float:
    return median(figure(run) for run in runs)
