"""The policy: the order of turns, and the replica that one runs on."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.policy import Place, choose_member
from tests.fakes import ScriptedEngine


def pool_of(*loads: tuple[int, int], down: tuple[int, ...] = ()) -> Pool:
    """Return a pool of replicas with so many turns in flight of so many slots."""
    pool = Pool("tiny")
    for number, (in_flight, slots) in enumerate(loads):
        replica = Replica(str(number), ScriptedEngine(), slots=slots)
        replica.in_flight = in_flight
        replica.is_up = number not in down
        pool.add(replica, model="tiny")
    return pool


def chosen(pool: Pool) -> str | None:
    member = choose_member(pool)
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


def test_a_replica_that_is_down_is_never_chosen() -> None:
    assert chosen(pool_of((0, 4), (3, 4), down=(0,))) == "1"


def test_full_replicas_and_an_empty_pool_give_none() -> None:
    assert chosen(pool_of((4, 4), (2, 2))) is None
    assert chosen(pool_of()) is None
