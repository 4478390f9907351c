"""The pace of a model's work, and what follows from it for those that wait or run."""

from __future__ import annotations

import pytest

from forebay.core.clock import after
from forebay.core.pace import EndedTurn, Pace
from tests.fakes import START


def turn(begin_s: float, end_s: float, output_tokens: int | None = None) -> EndedTurn:
    """Return a turn that began and ended so long after the start."""
    return EndedTurn(
        began_at=after(START, begin_s), ended_at=after(START, end_s), output_tokens=output_tokens
    )


def pace(*ended: EndedTurn, running_count: int = 0) -> Pace:
    return Pace(ended=ended, running_count=running_count)


def test_a_turn_takes_as_long_as_the_last_ones_did_on_average() -> None:
    assert pace(turn(0, 2), turn(1, 7)).turn_s == 4


def test_nothing_is_known_before_a_turn_has_ended() -> None:
    unknown = pace(running_count=2)
    assert unknown.turn_s is None
    assert unknown.start_s(1) is None
    assert unknown.left_s(elapsed_s=1, output_tokens=5) is None


def test_each_place_further_back_waits_for_one_more_slot_to_become_free() -> None:
    four_at_once = pace(turn(0, 8), running_count=4)
    assert [four_at_once.start_s(position) for position in (1, 2, 40)] == [2, 4, 80]


def test_where_nothing_runs_just_now_as_many_run_at_once_as_did_lately() -> None:
    two_and_two = pace(turn(4, 8), turn(4, 8), turn(0, 4), turn(0, 4))
    assert two_and_two.start_s(1) == 2


def test_turns_that_ran_now_and_then_ran_one_at_once() -> None:
    assert pace(turn(0, 4), turn(1000, 1004)).start_s(3) == 12


def test_turns_that_took_no_time_keep_nobody_waiting() -> None:
    assert pace(turn(1, 1)).start_s(3) == 0


def test_a_running_turn_has_left_what_others_gave_beyond_it_at_its_own_speed() -> None:
    usual = pace(turn(0, 9, 100), turn(0, 9, 300), turn(0, 9, 20))
    # 50 tokens took 5 s; those that gave more gave 150 more on average.
    assert usual.left_s(elapsed_s=5, output_tokens=50) == 15


def test_of_a_turn_that_gave_more_than_any_other_nothing_is_known() -> None:
    assert pace(turn(0, 9, 100)).left_s(elapsed_s=5, output_tokens=100) is None


@pytest.mark.parametrize("output_tokens", [100, None])
def test_before_the_first_token_the_time_of_others_is_what_counts(
    output_tokens: int | None,
) -> None:
    usual = pace(turn(0, 10, output_tokens), turn(0, 20, output_tokens), turn(0, 3, output_tokens))
    assert usual.left_s(elapsed_s=4, output_tokens=0) == 11


def test_a_turn_that_is_silent_for_longer_than_others_took_has_no_known_end() -> None:
    assert pace(turn(0, 10)).left_s(elapsed_s=10, output_tokens=0) is None


def test_where_the_output_of_others_is_not_known_their_time_is_what_counts() -> None:
    assert pace(turn(0, 10)).left_s(elapsed_s=4, output_tokens=50) == 6
