"""The numbers of a batch's report."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from forebay.core.batch_report import (
    VerdictCounts,
    count_lines,
    is_window_met,
    margin_s,
    run_s,
    wall_s,
)
from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Instant, after
from tests.core.made_batch import made_batch
from tests.fakes import START

DAY_S = 86_400


def ended(status: BatchStatus, *, after_s: float, **others: Any) -> Batch:
    """Return a batch that ended so."""
    at = {f"{status.value}_at": after(START, after_s)}
    return made_batch(status=status, **at, **others)


def counted(**others: int) -> Batch:
    """Return a batch with these counts."""
    return made_batch(total_count=100, **others)


def test_each_line_is_counted_once_whatever_was_said_of_it() -> None:
    batch = counted(
        completed_count=60,
        schema_failed_count=10,
        failed_count=30,
        refused_count=5,
        engine_failed_count=7,
        expired_count=8,
        cancelled_count=10,
    )
    lines = count_lines(batch, VerdictCounts(confirmed=3, raised=4, dropped=5, denied=2))
    assert lines.accepted == 50 + 4 - 5
    assert lines.rejected == 7
    assert lines.schema_failed == 10 - 4 - 2
    assert (lines.refused, lines.engine_failed, lines.expired, lines.cancelled) == (5, 7, 8, 10)
    assert lines.unfinished == 10
    parts = dataclasses.asdict(lines)
    assert parts.pop("total") == sum(parts.values()) == 100


def test_failures_from_before_they_were_told_apart_are_the_engines() -> None:
    lines = count_lines(counted(completed_count=90, failed_count=10), VerdictCounts())
    assert (lines.accepted, lines.engine_failed, lines.unfinished) == (90, 10, 0)


def test_what_was_never_run_is_not_among_the_lines_run() -> None:
    batch = counted(completed_count=60, failed_count=30, expired_count=20, cancelled_count=5)
    assert count_lines(batch, VerdictCounts()).run == 65


def test_the_time_goes_from_creation_to_the_end() -> None:
    now = after(START, 500)
    running = made_batch(in_progress_at=after(START, 5))
    assert (wall_s(running, now=now), run_s(running, now=now)) == (500, 495)
    done = ended(
        BatchStatus.COMPLETED,
        after_s=70,
        in_progress_at=after(START, 5),
        finalizing_at=after(START, 65),
    )
    assert (wall_s(done, now=now), run_s(done, now=now)) == (70, 60)


def test_what_has_not_begun_has_no_running_time() -> None:
    assert run_s(made_batch(), now=after(START, 9)) is None


@pytest.mark.parametrize(
    ("status", "after_s", "is_met"),
    [
        (BatchStatus.COMPLETED, DAY_S, True),
        (BatchStatus.COMPLETED, DAY_S + 1, False),
        (BatchStatus.EXPIRED, DAY_S - 1, False),
        (BatchStatus.CANCELLED, DAY_S - 1, None),
        (BatchStatus.CANCELLED, DAY_S + 1, False),
        (BatchStatus.FAILED, DAY_S + 1, None),
    ],
)
def test_the_window_is_met_or_missed_by_the_end(
    status: BatchStatus, after_s: float, is_met: bool | None
) -> None:
    batch = ended(status, after_s=after_s)
    assert is_window_met(batch, now=after(START, 9 * DAY_S)) is is_met


def test_while_it_runs_the_window_is_open_until_it_is_missed() -> None:
    batch = made_batch()
    assert is_window_met(batch, now=after(START, 9)) is None
    assert is_window_met(batch, now=after(START, DAY_S + 1)) is False


def test_the_margin_is_what_is_left_of_the_window() -> None:
    assert margin_s(ended(BatchStatus.COMPLETED, after_s=400), now=Instant(0)) == DAY_S - 400
    assert margin_s(made_batch(), now=after(START, DAY_S + 9)) == -9
    assert margin_s(ended(BatchStatus.FAILED, after_s=1), now=START) is None
