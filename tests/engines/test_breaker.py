"""The breaker: what turns and probes tell moves it, only where its table allows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.core.engine_errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    GatewayFailed,
)
from forebay.engines.breaker import (
    FIRST_BUSY_PAUSE_S,
    LEGAL_MOVES,
    MAX_FAILURES,
    MAX_PAUSE_S,
    MAX_WISH_S,
    MIN_PAUSE_S,
    Breaker,
    BreakerState,
)

AWAY, CLOSED, OPEN, HALF_OPEN = BreakerState
FAILED = EngineFailed("broke")
ERRORS: tuple[EngineError, ...] = (
    FAILED,
    EngineUnavailable("broke off"),
    EngineUnreachable("no route"),
    GatewayFailed("504"),
    EngineBusy("full"),
    EngineBusy("full", retry_after_s=7.0),
)


def well() -> Breaker:
    """Return the breaker of a replica that has just answered its first probe."""
    return Breaker().found()


def after(
    breaker: Breaker, *errors: EngineError, is_trial: bool = False, now_s: float = 0.0
) -> Breaker:
    """Return the breaker after turns that began as it was, and ended with these errors."""
    for error in errors:
        breaker = breaker.failed(error, breaker.opening, is_trial=is_trial, now_s=now_s)
    return breaker


def half_open(*errors: EngineError) -> Breaker:
    """Return a breaker whose pause after these errors has just ended, with a turn on trial."""
    opened = after(well(), *errors)
    return opened.rested(opened.ends_at_s).tried()


def test_a_new_replica_is_away_until_it_answers_a_probe() -> None:
    assert Breaker().state is AWAY
    assert Breaker().found().state is CLOSED


@pytest.mark.parametrize("error", [FAILED, EngineUnavailable("broke off its answer")])
def test_a_few_broken_answers_in_a_row_open_it(error: EngineError) -> None:
    almost = after(well(), *[error] * (MAX_FAILURES - 1))
    assert (almost.state, almost.failures) == (CLOSED, MAX_FAILURES - 1)
    opened = after(almost, error, now_s=100.0)
    assert (opened.state, opened.ends_at_s) == (OPEN, 100.0 + MIN_PAUSE_S)
    assert opened.reason == f"{MAX_FAILURES} turns in a row failed"


def test_a_whole_answer_ends_the_count_of_failures() -> None:
    breaker = after(well(), *[FAILED] * (MAX_FAILURES - 1))
    breaker = after(breaker.worked(breaker.opening), FAILED)
    assert (breaker.state, breaker.failures) == (CLOSED, 1)


def test_one_refusal_opens_it_for_as_long_as_the_replica_wishes() -> None:
    opened = after(well(), EngineBusy("full", retry_after_s=7.0), now_s=100.0)
    assert (opened.state, opened.ends_at_s, opened.reason) == (OPEN, 107.0, "it is busy or away")


def test_a_wish_is_honoured_up_to_a_cap() -> None:
    opened = after(well(), EngineBusy("full", retry_after_s=1e9))
    assert opened.ends_at_s == MAX_WISH_S


@pytest.mark.parametrize("error", [EngineBusy("full"), GatewayFailed("502")])
def test_each_refusal_in_a_row_that_wishes_nothing_pauses_longer(error: EngineError) -> None:
    breaker, pauses_s = well(), []
    for _ in range(7):
        opened = after(breaker, error)
        pauses_s.append(opened.ends_at_s)
        breaker = opened.rested(opened.ends_at_s)
    first = FIRST_BUSY_PAUSE_S
    assert pauses_s == [first, 2 * first, 4 * first, 8 * first, 16 * first, *[MAX_PAUSE_S] * 2]


def test_a_later_wish_makes_a_pause_longer_and_never_shorter() -> None:
    opened = after(well(), EngineBusy("full", retry_after_s=20.0))
    assert after(opened, EngineBusy("full", retry_after_s=5.0), now_s=1.0).ends_at_s == 20.0
    assert after(opened, EngineBusy("full", retry_after_s=30.0), now_s=1.0).ends_at_s == 31.0


def test_a_replica_that_cannot_be_reached_is_away_whatever_it_was() -> None:
    for breaker in (well(), after(well(), EngineBusy("full")), half_open(EngineBusy("full"))):
        lost = after(breaker, EngineUnreachable("no route"))
        assert (lost.state, lost.reason) == (AWAY, "no route")


def test_a_pause_lasts_to_its_end_and_is_followed_by_a_trial() -> None:
    opened = after(well(), EngineBusy("full", retry_after_s=7.0))
    assert opened.rested(6.999) == opened
    assert opened.rested(7.0).state is HALF_OPEN


def test_the_first_output_of_the_trial_closes_it() -> None:
    breaker = half_open(*[FAILED] * MAX_FAILURES)
    answering = breaker.answering(breaker.opening)
    assert (answering.state, answering.has_trial, answering.reason) == (CLOSED, False, None)


def test_failures_count_on_until_an_answer_is_whole() -> None:
    breaker = half_open(*[FAILED] * MAX_FAILURES)
    again = after(breaker.answering(breaker.opening), FAILED)
    assert (again.state, again.ends_at_s) == (OPEN, 2 * MIN_PAUSE_S)
    whole = breaker.worked(breaker.opening)
    assert (whole.state, whole.failures) == (CLOSED, 0)


def test_each_trial_that_fails_makes_the_next_pause_longer() -> None:
    breaker, pauses_s = half_open(*[FAILED] * MAX_FAILURES), []
    for _ in range(5):
        opened = after(breaker, FAILED, is_trial=True)
        pauses_s.append(opened.ends_at_s)
        breaker = opened.rested(opened.ends_at_s).tried()
    assert pauses_s == [4.0, 8.0, 16.0, MAX_PAUSE_S, MAX_PAUSE_S]


def test_another_turn_than_the_trial_may_fail_without_a_further_pause() -> None:
    breaker = half_open(*[FAILED] * MAX_FAILURES)
    counted = after(breaker, FAILED, is_trial=False)
    assert (counted.state, counted.has_trial) == (HALF_OPEN, True)
    assert counted.failures == breaker.failures + 1


def test_a_pause_is_not_made_longer_by_failures_of_work_that_cannot_wait() -> None:
    opened = after(well(), *[FAILED] * MAX_FAILURES)
    assert after(opened, FAILED, now_s=1.0).ends_at_s == opened.ends_at_s


def test_a_trial_that_tells_nothing_makes_room_for_the_next() -> None:
    breaker = half_open(EngineBusy("full"))
    assert breaker.has_trial
    untried = breaker.untried(breaker.opening)
    assert (untried.state, untried.has_trial) == (HALF_OPEN, False)


def test_what_turns_from_before_a_pause_tell_is_old_news() -> None:
    old = well().opening
    breaker = half_open(EngineBusy("full"))
    assert breaker.answering(old) == breaker.worked(old) == breaker.untried(old) == breaker
    assert breaker.failed(FAILED, old, is_trial=False, now_s=0.0) == breaker


def test_a_replica_that_comes_back_is_tried_first() -> None:
    breaker = after(well(), *[FAILED] * 2, EngineUnreachable("no route")).found()
    assert (breaker.state, breaker.failures) == (HALF_OPEN, 0)


def test_a_probe_that_is_answered_does_not_end_a_pause() -> None:
    opened = after(well(), EngineBusy("full"))
    assert opened.found() == opened


steps = st.sampled_from(
    ("found", "lost", "rested", "tried", "untried", "answering", "worked", *ERRORS)
)


@given(st.lists(st.tuples(steps, st.integers(0, 3), st.booleans()), max_size=40))
def test_whatever_happens_it_moves_as_its_table_says(
    story: list[tuple[str | EngineError, int, bool]],
) -> None:
    breaker = Breaker()
    for now_s, (step, age, is_trial) in enumerate(story):
        before, opening = breaker, max(0, breaker.opening - age)
        match step:
            case EngineError():
                breaker = breaker.failed(step, opening, is_trial=is_trial, now_s=float(now_s))
            case "found":
                breaker = breaker.found()
            case "tried":
                breaker = breaker.tried()
            case "lost":
                breaker = breaker.lost("gone")
            case "rested":
                breaker = breaker.rested(float(now_s))
            case name:
                breaker = getattr(breaker, name)(opening)
        assert breaker.state is before.state or breaker.state in LEGAL_MOVES[before.state]
        assert breaker.opening >= before.opening
        assert (breaker.reason is None) == (breaker.state is CLOSED)
        assert not breaker.has_trial or breaker.state is HALF_OPEN
