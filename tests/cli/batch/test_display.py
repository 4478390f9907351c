"""A person sees a bar on a terminal, and a line now and then where there is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from forebay.cli.batch.display import PLAIN_EVERY_S, Display
from forebay.cli.batch.shapes import BatchView, Cost, Counts, Extension


class Passing:
    """The seconds that pass, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def at(done: int, *, status: str = "in_progress", failed: int = 0) -> BatchView:
    counts = Counts(total=100, completed=done - failed, failed=failed)
    return BatchView(id="batch_1", status=status, request_counts=counts)


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def plain(passing: Passing) -> Display:
    return Display(Console(file=io.StringIO(), width=200), clock=passing)


@pytest.fixture
def live(passing: Passing) -> Display:
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    return Display(console, clock=passing)


def said(display: Display) -> str:
    assert isinstance(display.console.file, io.StringIO)
    return display.console.file.getvalue()


def test_without_a_terminal_a_line_is_said_for_each_status_and_each_tenth(
    plain: Display,
) -> None:
    with plain.following() as seen:
        for batch in (at(0, status="validating"), at(0), at(9), at(10), at(19), at(25, failed=2)):
            seen(batch)

    assert said(plain).splitlines() == [
        *("validating: 0/100", "in progress: 0/100", "in progress: 10/100"),
        "in progress: 25/100  2 failed",
    ]


def test_without_a_terminal_a_line_is_said_when_long_nothing_was(
    plain: Display, passing: Passing
) -> None:
    with plain.following() as seen:
        seen(at(1))
        passing.now_s += PLAIN_EVERY_S - 1
        seen(at(1))
        passing.now_s += 1
        seen(at(1))

    assert said(plain).splitlines() == ["in progress: 1/100", "in progress: 1/100"]


def test_a_terminal_has_a_bar_with_the_counts_the_rate_and_what_is_left(
    live: Display, passing: Passing
) -> None:
    with live.following() as seen:
        seen(at(10))
        passing.now_s += 10
        seen(at(60))
    shown = said(live)

    assert "in progress" in shown
    assert "60/100  5.0 lines/s  8.0 s left" in shown


def test_a_bar_of_an_unknown_length_counts_its_rows(live: Display) -> None:
    with live.bar("reading", total=None) as moved:
        moved(1200)

    assert "reading" in said(live)
    assert "1,200 rows" in said(live)


def test_without_a_terminal_a_step_says_nothing(plain: Display) -> None:
    with plain.bar("reading", total=None) as moved:
        moved(1200)

    assert said(plain) == ""


def test_a_cost_is_said_with_the_counts_unless_it_is_nothing(plain: Display) -> None:
    with plain.following() as seen:
        for amount in ("0.00", "0.25"):
            cost = Extension(cost=Cost(amount=amount, currency="EUR"))
            counts, status = Counts(total=2, completed=2), f"status {amount}"
            seen(BatchView(id="batch_1", status=status, request_counts=counts, forebay=cost))

    assert said(plain).splitlines() == ["status 0.00: 2/2", "status 0.25: 2/2  0.25 EUR"]
