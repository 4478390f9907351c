"""The figures of validating a large file on one database."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from bench.batch_input import LONG_LINE_BYTES
from bench.figure import Figure
from bench.ledger import ledger_failures, ledger_figure
from bench.validation import REALTIME_PER_S, Latencies, Validations

MAX_RESIDENT_MB = 300.0

_MAX_VALIDATION_S = 5.0
_MAX_P99_RATIO = 2.0
_MAX_OTHERS = 100 * max(0.25, (os.cpu_count() or 1) - 1.5)
"""Percent of a core for other programs, the database among them, when nothing is validated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationMeasured:
    """What came of it on one database; the bare loop read the same file."""

    database: str
    lines: int
    bare_read_s: float
    validations: Validations
    resident_mb: float
    charges: int


def validation_figures(measured: ValidationMeasured) -> Iterator[Figure]:
    """Give every figure beside its baseline, and beside its target."""
    yield from _time_figures(measured)
    name = f"{measured.database}: {REALTIME_PER_S:.0f}/s realtime while validating"
    yield from _latency_figures(name, measured.validations.realtime)
    yield Figure(
        name=f"{name}, p99, times before",
        value=measured.validations.realtime.p99_ratio,
        unit="x",
        baseline=_MAX_P99_RATIO,
        baseline_name="target, at most",
    )
    yield from _latency_figures(
        f"{measured.database}: the engine itself while validating", measured.validations.direct
    )
    yield Figure(
        name=f"{measured.database}: before validating, CPU of other programs",
        value=measured.validations.others_before,
        unit="%",
        baseline=_MAX_OTHERS,
        baseline_name="at most, or it is worth nothing",
    )
    yield Figure(
        name=f"{measured.database}: validating, peak memory of all processes",
        value=measured.resident_mb,
        unit="MB",
        baseline=MAX_RESIDENT_MB,
        baseline_name="target, at most",
    )
    yield ledger_figure(
        f"validating, {measured.database}",
        charges=measured.charges,
        answers=measured.validations.answers,
    )


def validation_failures(measured: ValidationMeasured) -> Iterator[str]:
    """Say what makes the figures worth nothing, if anything does."""
    yield from measured.validations.failures
    others = measured.validations.others_before
    if others > _MAX_OTHERS:
        yield (
            f"other programs took {others:.0f} % of a core before the validations, so the waits of "
            "realtime are theirs, too; run this again when they rest"
        )
    yield from ledger_failures(charges=measured.charges, answers=measured.validations.answers)


def _time_figures(measured: ValidationMeasured) -> Iterator[Figure]:
    megabytes = measured.lines * LONG_LINE_BYTES / 1e6
    seconds = measured.validations.seconds
    name = f"{measured.database}: {measured.lines:,} lines, {megabytes:,.0f} MB, to in_progress"
    yield Figure(
        name=f"{name}, median of {len(seconds)}",
        value=measured.validations.median_s,
        unit="s",
        baseline=measured.bare_read_s,
        baseline_name="read and decoded once",
    )
    yield Figure(
        name=f"{name}, the slowest",
        value=max(seconds),
        unit="s",
        baseline=_MAX_VALIDATION_S,
        baseline_name="target, at most",
    )


def _latency_figures(name: str, latencies: Latencies) -> Iterator[Figure]:
    yield Figure(
        name=f"{name}, p50",
        value=latencies.p50_during,
        unit="ms",
        baseline=latencies.p50_before,
        baseline_name="before",
    )
    yield Figure(
        name=f"{name}, p99 of {latencies.samples:,}",
        value=latencies.p99_during,
        unit="ms",
        baseline=latencies.p99_before,
        baseline_name="before",
    )
