"""The background's figures count only if the database holds each request exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.background_figures import Measured, failures_of, figures_of
from bench.backlog import Creates, Drain
from bench.baseline import LoopResult
from bench.databases import Kept
from bench.dispatch import Dispatches, DispatchTimes

MEASURED = Measured(
    database="SQLite",
    dispatches=Dispatches(
        background=DispatchTimes([0.002], [0.001]),
        realtime=DispatchTimes([0.001], [-0.001]),
        background_calls=1,
        calls=2,
    ),
    creates=Creates(
        per_s=3000.0,
        bare_per_s=1000.0,
        p99_ms=20.0,
        bare_p99_ms=60.0,
        cpu_ms=0.2,
        bare_cpu_ms=0.1,
        created=10,
    ),
    drain=Drain(
        per_s=1000.0, cpu_ms=0.5, first_tenth_per_s=1000.0, last_tenth_per_s=900.0, failures=[]
    ),
    loop=LoopResult(per_s=2000.0, cpu_ms=0.3),
    resident_mb=100.0,
    database_mb=None,
    kept=Kept(requests=11, ended_once=11, charges=12),
    failures=[],
)


def test_a_run_that_lost_and_doubled_nothing_has_no_failure() -> None:
    assert list(failures_of(MEASURED)) == []


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (Kept(requests=10, ended_once=11, charges=12), "holds 10 requests of 11"),
        (Kept(requests=11, ended_once=10, charges=12), "10 of 11 requests were completed"),
        (Kept(requests=11, ended_once=11, charges=13), "13 charges for 12 answers"),
    ],
)
def test_whatever_was_lost_or_doubled_is_told(kept: Kept, reason: str) -> None:
    (failure,) = failures_of(replace(MEASURED, kept=kept))
    assert reason in failure


def test_a_drain_that_did_not_end_is_told() -> None:
    drain = replace(MEASURED.drain, failures=["10 requests were not drained in 30 s"])
    assert list(failures_of(replace(MEASURED, drain=drain))) == drain.failures


def test_the_last_tenth_stands_beside_the_first() -> None:
    (figure,) = (figure for figure in figures_of(MEASURED) if figure.baseline_name == "first tenth")
    assert figure.ratio == pytest.approx(0.9)


def test_a_database_server_s_memory_is_a_figure_of_its_own() -> None:
    names = [figure.name for figure in figures_of(replace(MEASURED, database_mb=50.0))]
    own = [figure.name for figure in figures_of(MEASURED)]
    assert set(names) - set(own) == {"SQLite: the database server's own memory"}
