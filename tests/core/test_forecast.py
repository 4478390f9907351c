"""How long batches may still take, by what is known of them and of others."""

from __future__ import annotations

import dataclasses

import pytest

from forebay.core.clock import Instant, after
from forebay.core.forecast import (
    LINE_BYTES,
    Queue,
    Speeds,
    Stretch,
    Work,
    estimated_lines,
    lines_per_s,
    running_left_s,
    waiting_left_s,
)
from tests.fakes import START


def recorded(began_s: float, lines: int) -> Stretch:
    """Return a stretch that began so long after the start."""
    return Stretch(
        batch_id="batch_1",
        model="tiny",
        began_at=after(START, began_s),
        last_at=after(START, began_s + 9.9),
        line_count=lines,
    )


def work(lines: int, model: str = "tiny", *, batch_id: str = "batch_1", **others: int) -> Work:
    """Return what a batch has left for a model."""
    return Work(
        batch_id=batch_id,
        model=model,
        band_rank=others.get("band_rank", 2),
        deadline_at=Instant(others.get("deadline_at", START)),
        line_count=lines,
    )


def speed(*stretches: Stretch, over_s: float) -> float | None:
    """Return the speed from the start on."""
    return lines_per_s(stretches, since=START, until=after(START, over_s))


def left(
    *works: Work,
    usual_per_s: float | None = None,
    ahead: dict[str, int] | None = None,
    **speeds: Speeds,
) -> float | None:
    """Return how long a running batch may still take."""
    return running_left_s(
        works,
        {each.model: speeds.get(each.model, Speeds()) for each in works},
        {each.model: (ahead or {}).get(each.model, 0) for each in works},
        usual_per_s=usual_per_s,
    )


def test_a_steady_speed_is_told_as_it_is() -> None:
    steady = [recorded(begin_s, 50) for begin_s in range(0, 300, 10)]
    assert speed(*steady, over_s=300) == pytest.approx(5, rel=0.01)


def test_what_was_recorded_last_counts_more() -> None:
    once, lately = recorded(0, 1000), recorded(290, 1000)
    faster, slower = speed(lately, over_s=300), speed(once, over_s=300)
    assert faster is not None and slower is not None
    assert faster > 10 * slower


def test_a_batch_that_has_only_begun_has_a_speed_that_is_no_dream() -> None:
    at_once = dataclasses.replace(recorded(0, 30), last_at=START)
    assert speed(at_once, over_s=0) == pytest.approx(30, rel=0.1)


def test_without_a_line_there_is_no_speed() -> None:
    assert speed(over_s=300) is None


def test_a_batch_at_the_head_goes_by_its_own_speed() -> None:
    assert left(work(100), tiny=Speeds(own=10, model=40)) == 10


def test_one_behind_others_waits_for_their_lines_at_the_models_speed() -> None:
    assert left(work(100), tiny=Speeds(own=1, model=40), ahead={"tiny": 300}) == 10


def test_one_that_records_nothing_goes_by_what_others_recorded() -> None:
    assert left(work(100), tiny=Speeds(model=50)) == 2


def test_then_by_its_own_speed_since_it_began() -> None:
    assert left(work(100), tiny=Speeds(background=50), usual_per_s=4) == 25


def test_then_by_the_turns_in_the_background() -> None:
    assert left(work(100), tiny=Speeds(background=5), ahead={"tiny": 100}) == 40


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert left(work(100)) is None
    assert left(work(100), work(5, "large"), tiny=Speeds(own=10)) is None


def test_models_work_side_by_side_and_the_slowest_is_waited_for() -> None:
    both = work(100), work(50, "large")
    assert left(*both, tiny=Speeds(own=10), large=Speeds(own=1)) == 50


def test_a_batch_whose_lines_are_all_recorded_has_nothing_left() -> None:
    assert left(work(0), tiny=Speeds(own=10)) == 0
    assert left() == 0


def test_the_queue_goes_by_band_then_deadline_then_age() -> None:
    queue = Queue(
        [
            work(1, batch_id="batch_1"),
            work(2, batch_id="batch_2"),
            work(4, batch_id="batch_3", deadline_at=START - 1),
            work(8, batch_id="batch_4", band_rank=1, deadline_at=START + 9),
        ]
    )
    assert queue.before((1, Instant(START + 9), "batch_4")) == 0
    assert queue.before((2, Instant(START - 1), "batch_3")) == 8
    assert queue.before((2, START, "batch_1")) == 12
    assert queue.before((2, START, "batch_2")) == 13
    assert queue.before((2, START, "batch_9")) == 15


def test_before_its_models_are_known_a_batch_is_judged_by_the_slowest() -> None:
    known = {"tiny": Speeds(model=10), "large": Speeds(background=2), "new": Speeds()}
    assert waiting_left_s(100, known, {"tiny": 0, "large": 20, "new": 0}) == 60
    assert waiting_left_s(100, {"new": Speeds()}, {"new": 0}) is None
    assert waiting_left_s(100, {}, {}) is None


def test_an_input_has_as_many_lines_as_its_size_lets_expect() -> None:
    assert estimated_lines(100 * LINE_BYTES) == 100
    assert estimated_lines(1) == 1
