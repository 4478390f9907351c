"""Pauses after failed attempts: longer each time, and as long as a busy engine asks."""

from __future__ import annotations

import pytest

from forebay.core.errors import EngineBusy, EngineFailed
from forebay.lanes.retries import FIRST_PAUSE_S, MAX_PAUSE_S, MAX_WISH_S, pause_s


def longest() -> float:
    """Return the chance of the longest pause."""
    return 1.0


def test_each_pause_is_twice_as_long_up_to_the_longest() -> None:
    error = EngineFailed("broke")
    pauses = [pause_s(error, attempt=attempt, chance=longest) for attempt in (1, 2, 3, 7, 5000)]
    assert pauses == [FIRST_PAUSE_S, 2.0, 4.0, MAX_PAUSE_S, MAX_PAUSE_S]


def test_chance_spreads_a_pause_over_its_second_half() -> None:
    shortest = pause_s(EngineFailed("broke"), attempt=3, chance=lambda: 0.0)
    assert shortest == 2.0


@pytest.mark.parametrize("wish_s", [None, 0.0, 0.5])
def test_an_engine_cannot_ask_for_less_patience_than_ours(wish_s: float | None) -> None:
    busy = EngineBusy("full", retry_after_s=wish_s)
    assert pause_s(busy, attempt=2, chance=longest) == 2.0


@pytest.mark.parametrize(
    ("wish_s", "honoured_s"), [(7.0, 7.0), (MAX_PAUSE_S * 5, MAX_PAUSE_S * 5), (1e9, MAX_WISH_S)]
)
def test_a_long_wish_is_honoured_up_to_a_cap(wish_s: float, honoured_s: float) -> None:
    busy = EngineBusy("full", retry_after_s=wish_s)
    assert pause_s(busy, attempt=1, chance=longest) == honoured_s
