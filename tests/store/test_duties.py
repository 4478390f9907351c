"""Duties: one owner at a time, until it lets go or its lease is over."""

from __future__ import annotations

from forebay.core.clock import after
from forebay.store.store import Store
from tests.fakes import START, ManualClock

UNTIL = after(START, 6)


async def test_a_duty_is_one_owners(store: Store) -> None:
    assert (await store.duties.take(["tiny", "large"], "one", until=UNTIL)).held == {
        "tiny",
        "large",
    }
    assert (await store.duties.take(["tiny", "other"], "two", until=UNTIL)).held == {"other"}


async def test_an_owner_keeps_its_duty_by_taking_it_again(store: Store, clock: ManualClock) -> None:
    await store.duties.take(["tiny"], "one", until=UNTIL)
    clock.move(5)
    assert (await store.duties.take(["tiny"], "one", until=after(START, 11))).held == {"tiny"}
    clock.move(5)
    assert (await store.duties.take(["tiny"], "two", until=after(START, 16))).held == set()


async def test_a_duty_whose_lease_is_over_is_anybodys(store: Store, clock: ManualClock) -> None:
    await store.duties.take(["tiny"], "one", until=UNTIL)
    clock.move(6)
    assert (await store.duties.take(["tiny"], "two", until=after(START, 12))).held == {"tiny"}
    assert (await store.duties.take(["tiny"], "one", until=after(START, 12))).held == set()


async def test_a_duty_that_was_let_go_is_anybodys_at_once(store: Store) -> None:
    await store.duties.take(["tiny"], "one", until=UNTIL)
    await store.duties.let_go("one")
    assert (await store.duties.take(["tiny"], "two", until=UNTIL)).held == {"tiny"}


async def test_letting_go_leaves_the_duties_of_others(store: Store) -> None:
    await store.duties.take(["tiny"], "one", until=UNTIL)
    await store.duties.let_go("two")
    assert (await store.duties.take(["tiny"], "two", until=UNTIL)).held == set()


async def test_who_takes_a_duty_is_told_that_its_owner_died_with_it(
    store: Store, clock: ManualClock
) -> None:
    await store.duties.take(["tiny", "large"], "one", until=UNTIL)
    clock.move(6)
    taken = await store.duties.take(["tiny", "other"], "two", until=after(START, 12))
    assert taken.orphaned == {"tiny"}
    assert (await store.duties.take(["tiny"], "two", until=after(START, 12))).orphaned == set()


async def test_a_duty_that_was_let_go_is_nobodys_orphan(store: Store) -> None:
    await store.duties.take(["tiny"], "one", until=UNTIL)
    await store.duties.let_go("one")
    assert (await store.duties.take(["tiny"], "two", until=UNTIL)).orphaned == set()
