"""The figures of batches count only if each line has one answer, and is charged for once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.baseline import LoopResult
from bench.batch_client import Batch, BatchUsage, Counts
from bench.batch_figures import (
    LongMeasured,
    ThroughputMeasured,
    batch_failures,
    long_figures,
    throughput_figures,
)
from bench.batch_parts import raised_limits
from bench.batch_run import TURN_TOKENS, BatchRun, told_failures
from bench.batch_times import BatchTimes
from bench.databases import BatchLedger

RUN = BatchRun(
    lines=10,
    per_s=1000.0,
    cpu_ms=0.2,
    finalizing_ms=4.0,
    since_answer_ms=20.0,
    first_tenth_per_s=1000.0,
    last_tenth_per_s=900.0,
    failures=[],
)
LEDGER = BatchLedger(charges=1, chunks=1, tokens=10 * TURN_TOKENS)
LONG = LongMeasured(
    database="SQLite",
    short=[RUN],
    long=[replace(RUN, lines=100, finalizing_ms=6.0)],
    resident_mb=100.0,
    database_mb=None,
    ledger=replace(LEDGER, tokens=110 * TURN_TOKENS),
)
BATCH = Batch(
    id="batch_1",
    status="completed",
    output_file_id="file-1",
    request_counts=Counts(total=10, completed=10),
    usage=BatchUsage(input_tokens=10 * TURN_TOKENS),
)


def test_a_run_that_lost_and_doubled_nothing_has_no_failure() -> None:
    assert list(batch_failures([RUN], LEDGER)) == []
    assert list(told_failures(BATCH, lines=10, asked=10)) == []


@pytest.mark.parametrize(
    ("ledger", "reason"),
    [
        (replace(LEDGER, charges=2), "2 charges for 1 chunks"),
        (replace(LEDGER, tokens=1), f"1 tokens of the engine's {10 * TURN_TOKENS}"),
    ],
)
def test_a_ledger_that_differs_is_told(ledger: BatchLedger, reason: str) -> None:
    (failure,) = batch_failures([RUN], ledger)
    assert reason in failure


@pytest.mark.parametrize(
    ("counts", "usage", "asked", "error_file_id", "reason"),
    [
        (Counts(10, 9, 1), BATCH.usage, 10, None, "9 completed of 10"),
        (BATCH.request_counts, BatchUsage(1, 1), 10, None, "tells 2 tokens"),
        (BATCH.request_counts, BATCH.usage, 11, None, "asked 11 times for 10 lines"),
        (BATCH.request_counts, BATCH.usage, 10, "file-2", "has an error file"),
    ],
)
def test_a_batch_that_tells_something_else_than_the_engine_is_told(
    counts: Counts, usage: BatchUsage, asked: int, error_file_id: str | None, reason: str
) -> None:
    batch = Batch(
        id="batch_1",
        status="completed",
        request_counts=counts,
        usage=usage,
        error_file_id=error_file_id,
    )
    (failure,) = told_failures(batch, lines=10, asked=asked)
    assert reason in failure


def test_throughput_stands_beside_the_bare_loop_and_the_target() -> None:
    loops = [LoopResult(per_s=2000.0, cpu_ms=0.1)]
    measured = ThroughputMeasured(database="SQLite", runs=[RUN], loops=loops, ledger=LEDGER)
    first, second, *_ = throughput_figures(measured)
    assert (first.baseline, first.ratio) == (2000.0, 0.5)
    assert (second.baseline, second.baseline_name) == (2000.0, "target, at least")


def test_the_end_of_a_long_batch_stands_beside_that_of_short_ones() -> None:
    (figure,) = (figure for figure in long_figures(LONG) if "times that of" in figure.name)
    assert (figure.value, figure.baseline) == (1.5, 2.0)


def test_an_end_too_quick_for_the_database_s_times_counts_as_a_millisecond() -> None:
    short = [replace(RUN, finalizing_ms=0.0)]
    (figure,) = (
        figure for figure in long_figures(replace(LONG, short=short)) if "times" in figure.name
    )
    assert figure.value == 6.0


def test_a_database_server_s_memory_is_a_figure_of_its_own() -> None:
    names = [figure.name for figure in long_figures(replace(LONG, database_mb=50.0))]
    own = [figure.name for figure in long_figures(LONG)]
    assert [name for name in names if name not in own] == [
        "SQLite: batch of 100 lines, the database server's own memory"
    ]


def test_a_batch_ends_when_it_is_completed() -> None:
    times = BatchTimes(in_progress=1_000, last_result=3_900, completed=4_000)
    assert times.run_s == 3.0
    assert times.finalizing_ms == 100.0
    assert times.ms_since(3.95) == pytest.approx(50.0)


def test_limits_are_raised_only_where_the_default_does_not_let_the_lines_in() -> None:
    assert raised_limits(50_000) == {}
    assert raised_limits(1_000_000) == {
        "FOREBAY_MAX_BATCH_REQUESTS": "1000000",
        "FOREBAY_MAX_FILE_BYTES": "2250000000",
        "FOREBAY_MAX_BATCH_FILE_BYTES": "2250000000",
    }
