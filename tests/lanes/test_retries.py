"""Attempts: which errors are tried again, for which of them ever, and after how long a pause."""

from __future__ import annotations

import pytest

from forebay.core.engine_errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    GatewayFailed,
)
from forebay.core.errors import ContextTooLong, ForebayError, PromptRejected
from forebay.dialects.upstream_errors import engine_error
from forebay.engines.breaker import MAX_WISH_S
from forebay.lanes.retries import FIRST_PAUSE_S, MAX_PAUSE_S, is_failure, pause_s


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
    for busy in (EngineBusy("full", retry_after_s=wish_s), GatewayFailed("", retry_after_s=wish_s)):
        assert pause_s(busy, attempt=1, chance=longest) == honoured_s


def is_tried_again(error: ForebayError) -> tuple[bool, bool]:
    """Tell whether the error is tried again, and whether that is so until the expiry."""
    return error.is_retriable, error.is_retriable and not is_failure(error)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 521, 522, 523, 524, 529])
def test_an_engine_that_is_away_or_busy_makes_work_late_and_not_failed(status: int) -> None:
    assert is_tried_again(engine_error(status, b"", retry_after_s=None)) == (True, True)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 425, 500, 505, 520, 599])
def test_an_engine_that_fails_is_tried_again_a_few_times(status: int) -> None:
    assert is_tried_again(engine_error(status, b"", retry_after_s=None)) == (True, False)


@pytest.mark.parametrize("status", [400, 402, 405, 410, 413, 415, 418, 422, 431, 501])
def test_what_the_engine_refuses_is_not_tried_again(status: int) -> None:
    assert is_tried_again(engine_error(status, b"", retry_after_s=None)) == (False, False)


@pytest.mark.parametrize(
    ("error", "is_ever_tried"),
    [
        (EngineUnreachable("no route"), True),
        (GatewayFailed("504"), True),
        (EngineBusy("full"), True),
        (EngineUnavailable("broke off its answer"), False),
        (EngineFailed("no answer"), False),
    ],
)
def test_an_answer_that_broke_counts_and_an_outage_does_not(
    error: ForebayError, is_ever_tried: bool
) -> None:
    assert is_tried_again(error) == (True, is_ever_tried)


@pytest.mark.parametrize("error", [PromptRejected("bad"), ContextTooLong("long")])
def test_the_callers_own_errors_are_final(error: ForebayError) -> None:
    assert is_tried_again(error) == (False, False)
