"""The policy: the order of turns, and the replica that one runs on."""

from __future__ import annotations

import pytest

from forebay.core.clock import Instant
from forebay.engines.breaker import Breaker, BreakerState
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.policy import Place, choose_member
from tests.fakes import ScriptedEngine

AWAY, CLOSED, OPEN, HALF_OPEN = BreakerState
INTERACTIVE, DEADLINE, BULK = 0, 1, 2


def pool_of(*loads: tuple[int, int], states: tuple[BreakerState, ...] = ()) -> Pool:
    """Return a pool of replicas with so many turns in flight of so many slots.

    Their breakers are closed unless they are named.
    """
    pool = Pool("tiny")
    for number, (in_flight, slots) in enumerate(loads):
        replica = Replica(str(number), ScriptedEngine(), slots=slots)
        replica.in_flight = in_flight
        state = states[number] if states else CLOSED
        replica.breaker = Breaker(state=state)
        pool.add(replica, model="tiny")
    return pool


def chosen(pool: Pool, *, band_rank: int = DEADLINE) -> str | None:
    member = choose_member(pool, band_rank=band_rank)
    return None if member is None else member.replica.name


def test_the_band_goes_before_the_deadline_and_that_before_the_arrival() -> None:
    places = [
        Place(2, Instant(1), 0),
        Place(1, Instant(9), 1),
        Place(1, Instant(5), 3),
        Place(1, Instant(5), 2),
        Place(0, Instant(99), 4),
    ]
    assert [place.arrival for place in sorted(places)] == [4, 2, 3, 1, 0]


def test_the_replica_with_the_largest_share_free_is_chosen() -> None:
    assert chosen(pool_of((3, 4), (1, 4), (2, 4))) == "1"


def test_a_share_counts_and_not_a_number_of_slots() -> None:
    assert chosen(pool_of((60, 100), (0, 2))) == "1"


def test_of_equal_replicas_the_first_is_chosen() -> None:
    assert chosen(pool_of((1, 4), (1, 4))) == "0"


@pytest.mark.parametrize("state", [AWAY, OPEN])
@pytest.mark.parametrize("band_rank", [INTERACTIVE, DEADLINE, BULK])
def test_a_replica_that_takes_no_turns_is_left_for_another(
    state: BreakerState, band_rank: int
) -> None:
    assert chosen(pool_of((0, 4), (3, 4), states=(state, CLOSED)), band_rank=band_rank) == "1"


@pytest.mark.parametrize("state", [OPEN, HALF_OPEN])
def test_work_that_cannot_wait_goes_to_the_last_replica_although_it_pauses(
    state: BreakerState,
) -> None:
    pool = pool_of((0, 4), (1, 4), states=(AWAY, state))
    pool.members[1].replica.breaker = Breaker(state=state, has_trial=state is HALF_OPEN)
    assert chosen(pool, band_rank=INTERACTIVE) == "1"
    assert [chosen(pool, band_rank=band_rank) for band_rank in (DEADLINE, BULK)] == [None, None]


def test_work_that_cannot_wait_waits_for_a_replica_that_is_well_but_full() -> None:
    assert chosen(pool_of((4, 4), (0, 4), states=(CLOSED, OPEN)), band_rank=INTERACTIVE) is None


def test_a_replica_that_is_away_is_nobodys_last_resort() -> None:
    assert chosen(pool_of((0, 4), (4, 4), states=(AWAY, OPEN)), band_rank=INTERACTIVE) is None


def test_a_replica_on_trial_gets_its_one_turn_before_those_that_are_busier() -> None:
    pool = pool_of((1, 4), (0, 4), states=(CLOSED, HALF_OPEN))
    assert chosen(pool) == "1"
    pool.members[1].replica.breaker = Breaker(state=HALF_OPEN, has_trial=True)
    assert chosen(pool) == "0"


def test_a_replica_on_trial_that_is_full_of_older_turns_has_no_room_for_it() -> None:
    assert chosen(pool_of((4, 4), states=(HALF_OPEN,))) is None


def test_full_replicas_and_an_empty_pool_give_none() -> None:
    assert chosen(pool_of((4, 4), (2, 2))) is None
    assert chosen(pool_of()) is None
