"""Pauses: longer each time, for a batch as a whole, and longest for what failed."""

from __future__ import annotations

from forebay.lanes.batch.pauses import LONGEST_S, Pauses
from tests.fakes import ManualClock


def test_what_failed_pauses_twice_as_long_as_its_batch() -> None:
    clock = ManualClock()
    pauses = Pauses(clock=clock)
    pauses.begin("batch_1", "seg_1")
    assert (pauses.current(), pauses.left_s(30)) == (["batch_1", "seg_1"], 1)
    clock.move(1)
    assert (pauses.current(), pauses.left_s(30)) == (["seg_1"], 1)
    clock.move(1)
    assert (pauses.current(), pauses.left_s(30)) == ([], 30)


def test_pauses_grow_up_to_the_longest() -> None:
    clock = ManualClock()
    pauses = Pauses(clock=clock)
    lengths = []
    for _ in range(9):
        pauses.begin("batch_1", "seg_1")
        lengths.append(pauses.left_s(1000))
        clock.move(2 * LONGEST_S)
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_ran_again_pauses_no_more_and_for_a_moment_the_next_time() -> None:
    pauses = Pauses(clock=ManualClock())
    pauses.begin("batch_1", "seg_1")
    pauses.begin("batch_1", "seg_1")
    pauses.end("batch_1", "seg_1")
    assert pauses.current() == []
    pauses.begin("batch_1", "seg_1")
    assert pauses.left_s(1000) == 1


def test_what_has_not_failed_for_long_is_forgotten() -> None:
    clock = ManualClock()
    pauses = Pauses(clock=clock)
    pauses.begin("batch_1", "seg_1")
    pauses.begin("batch_1", "seg_1")
    clock.move(3 * LONGEST_S)
    assert pauses.current() == []
    pauses.begin("batch_1", "seg_1")
    assert pauses.left_s(1000) == 1
