"""The background's figures on one database, and what makes them worth nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.backlog import Creates, Drain
from bench.baseline import LoopResult
from bench.databases import Kept
from bench.dispatch import Dispatches
from bench.figure import Figure
from bench.ledger import ledger_failures, ledger_figure

_MIN_CREATES_PER_S = 3000.0
_MAX_DISPATCH_MS = 25.0
_MIN_TENTHS_RATIO = 0.8
_MAX_RESIDENT_MB = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of the scenario on one database."""

    database: str
    dispatches: Dispatches
    creates: Creates
    drain: Drain
    loop: LoopResult
    resident_mb: float
    database_mb: float | None
    kept: Kept
    failures: list[str]


def figures_of(measured: Measured) -> Iterator[Figure]:
    """Give every figure beside its baseline, and beside its target."""
    yield from _create_figures(measured)
    yield from _dispatch_figures(measured)
    yield from _drain_figures(measured)
    yield from _memory_figures(measured)
    yield ledger_figure(
        f"background, {measured.database}",
        charges=measured.kept.charges,
        answers=_answers(measured),
    )


def failures_of(measured: Measured) -> Iterator[str]:
    """Say what makes the figures worth nothing, if anything does."""
    yield from measured.failures
    yield from measured.drain.failures
    requests = measured.creates.created + measured.dispatches.background_calls
    if measured.kept.requests != requests:
        yield f"the database holds {measured.kept.requests} requests of {requests} acknowledged"
    if measured.kept.ended_once != requests:
        yield f"{measured.kept.ended_once} of {requests} requests were completed at the first try"
    yield from ledger_failures(charges=measured.kept.charges, answers=_answers(measured))


def _answers(measured: Measured) -> int:
    return measured.creates.created + measured.dispatches.calls


def _create_figures(measured: Measured) -> Iterator[Figure]:
    creates, name = measured.creates, f"{measured.database}: durable creates"
    yield Figure(
        name=name,
        value=creates.per_s,
        unit="/s",
        baseline=creates.bare_per_s,
        baseline_name="a commit for each",
    )
    yield Figure(
        name=name,
        value=creates.per_s,
        unit="/s",
        baseline=_MIN_CREATES_PER_S,
        baseline_name="target, at least",
    )
    yield Figure(
        name=f"{name}, p99",
        value=creates.p99_ms,
        unit="ms",
        baseline=creates.bare_p99_ms,
        baseline_name="a commit for each",
    )
    yield Figure(
        name=f"{name}, CPU of each",
        value=creates.cpu_ms,
        unit="ms",
        baseline=creates.bare_cpu_ms,
        baseline_name="a commit for each",
    )


def _dispatch_figures(measured: Measured) -> Iterator[Figure]:
    background, realtime = measured.dispatches.background, measured.dispatches.realtime
    name = f"{measured.database}: create to engine"
    for label, share in (("p50", 0.50), ("p99", 0.99)):
        yield Figure(
            name=f"{name}, {label}",
            value=background.sent_ms(share),
            unit="ms",
            baseline=realtime.sent_ms(share),
            baseline_name="a waiting call",
        )
    yield Figure(
        name=f"{name}, p99",
        value=background.sent_ms(0.99),
        unit="ms",
        baseline=_MAX_DISPATCH_MS,
        baseline_name="target, at most",
    )
    yield Figure(
        name=f"{measured.database}: acknowledged to engine, p50",
        value=background.answered_ms(0.50),
        unit="ms",
    )


def _drain_figures(measured: Measured) -> Iterator[Figure]:
    drained, name = measured.drain, f"{measured.database}: drain"
    yield Figure(
        name=f"{name} of {measured.creates.created:,}",
        value=drained.per_s,
        unit="/s",
        baseline=measured.loop.per_s,
        baseline_name="bare loop",
    )
    yield Figure(
        name=f"{name}, CPU of each",
        value=drained.cpu_ms,
        unit="ms",
        baseline=measured.loop.cpu_ms,
        baseline_name="bare loop",
    )
    yield Figure(
        name=f"{name}, last tenth",
        value=drained.last_tenth_per_s,
        unit="/s",
        baseline=drained.first_tenth_per_s,
        baseline_name="first tenth",
    )
    yield Figure(
        name=f"{name}, last tenth to first",
        value=drained.last_tenth_per_s / (drained.first_tenth_per_s or 1.0),
        unit="x",
        baseline=_MIN_TENTHS_RATIO,
        baseline_name="target, at least",
    )


def _memory_figures(measured: Measured) -> Iterator[Figure]:
    yield Figure(
        name=f"{measured.database}: peak memory of all processes",
        value=measured.resident_mb,
        unit="MB",
        baseline=_MAX_RESIDENT_MB,
        baseline_name="target, at most",
    )
    if measured.database_mb is not None:
        yield Figure(
            name=f"{measured.database}: the database server's own memory",
            value=measured.database_mb,
            unit="MB",
        )
