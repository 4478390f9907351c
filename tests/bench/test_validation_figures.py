"""What validations did to realtime: the median over them, told only if nothing else was at work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.open_load import PacedCalls, Stretch
from bench.validation import Validations, latencies
from bench.validation_figures import ValidationMeasured, validation_failures, validation_figures

CALLS = PacedCalls(
    sent_at=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
    latency_s=[0.001, 0.002, 0.001, 0.004, 0.900, 0.006],
)
BEFORE = [Stretch(0.0, 1.0), Stretch(2.0, 3.0), Stretch(4.0, 5.0)]
DURING = [Stretch(1.0, 2.0), Stretch(3.0, 4.0), Stretch(5.0, 6.0)]
LATENCIES = latencies(CALLS, BEFORE, DURING)
MEASURED = ValidationMeasured(
    database="SQLite",
    lines=1000,
    bare_read_s=0.5,
    validations=Validations(
        seconds=[1.0, 2.0, 6.0],
        realtime=LATENCIES,
        direct=LATENCIES,
        others_before=5.0,
        answers=6,
        failures=[],
    ),
    resident_mb=100.0,
    charges=6,
)


def test_one_busy_moment_moves_no_figure() -> None:
    assert (LATENCIES.p99_before, LATENCIES.p99_during) == (1.0, 4.0)
    assert LATENCIES.p99_ratio == 4.0
    assert LATENCIES.samples == 3


def test_the_median_stands_beside_the_bare_loop_and_the_slowest_beside_the_target() -> None:
    middle, slowest, *_ = validation_figures(MEASURED)
    assert (middle.value, middle.baseline) == (2.0, 0.5)
    assert (slowest.value, slowest.baseline) == (6.0, 5.0)


def test_a_quiet_run_has_no_failure() -> None:
    assert list(validation_failures(MEASURED)) == []


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (replace(MEASURED, charges=5), "5 charges for 6 answers"),
        (
            replace(MEASURED, validations=replace(MEASURED.validations, others_before=100_000.0)),
            "other programs took",
        ),
        (
            replace(MEASURED, validations=replace(MEASURED.validations, failures=["no answer"])),
            "no answer",
        ),
    ],
)
def test_what_makes_the_figures_worthless_is_told(
    measured: ValidationMeasured, reason: str
) -> None:
    (failure,) = validation_failures(measured)
    assert reason in failure
