"""Reservations: of two calls with one key one makes something, and a key outlasts every crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.store.database import Database
from forebay.store.request_records import Settlement
from forebay.store.reservations import KeyTaken, KeyUse, Reservation
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import LEASED_UNTIL, charge_count, entry, new_request


def use(**others: str) -> KeyUse:
    """Return a use of one and the same key."""
    values: dict[str, Any] = {
        "project_id": DEFAULT_PROJECT,
        "key_id": "key_1",
        "route": "/v1/responses",
        "idempotency_key": "once",
        "fingerprint": "abc",
    }
    return KeyUse(**(values | others))


async def hold(store: Store, lease_id: str = "lease_1", subject_id: str = "resp_1") -> None:
    await store.reservations.hold(
        use(), subject_id, lease_id=lease_id, lease_expires_at=LEASED_UNTIL
    )


async def make(store: Store, subject_id: str, **others: str) -> None:
    """Enqueue a request under the key."""
    first = store.reservations.made(use(**others), subject_id)
    await store.requests.enqueue(new_request(subject_id), first=first)


def made(subject_id: str = "resp_1") -> Reservation:
    return Reservation(fingerprint="abc", subject_id=subject_id, is_made=True)


async def test_a_key_stands_for_what_its_transaction_made(store: Store) -> None:
    assert await store.reservations.get(use()) is None
    await make(store, "resp_1")
    assert await store.reservations.get(use()) == made()


async def test_what_cannot_be_made_reserves_nothing(store: Store) -> None:
    await store.requests.enqueue(new_request("resp_1"))
    with pytest.raises(Exception, match="refused"):
        await make(store, "resp_1")
    assert await store.reservations.get(use()) is None


async def test_of_two_that_make_at_the_same_instant_one_does(store: Store) -> None:
    both = await asyncio.gather(
        make(store, "resp_1"), make(store, "resp_2"), return_exceptions=True
    )
    assert [type(each) for each in both if each is not None] == [KeyTaken]
    reservation = await store.reservations.get(use())
    assert reservation is not None
    for subject_id in ("resp_1", "resp_2"):
        is_there = await store.requests.get(DEFAULT_PROJECT, subject_id) is not None
        assert is_there == (reservation.subject_id == subject_id)


async def test_of_two_that_hold_at_the_same_instant_one_does(store: Store) -> None:
    both = await asyncio.gather(
        hold(store, "lease_1"), hold(store, "lease_2"), return_exceptions=True
    )
    assert [type(each) for each in both if each is not None] == [KeyTaken]


@pytest.mark.parametrize(
    "others",
    [
        {"project_id": OTHER_PROJECT},
        {"key_id": "key_2"},
        {"route": "/v1/batches"},
        {"idempotency_key": "twice"},
    ],
)
async def test_a_key_means_nothing_elsewhere(store: Store, others: dict[str, str]) -> None:
    await make(store, "resp_1")
    assert await store.reservations.get(use(**others)) is None
    await make(store, "resp_2", **others)
    assert await store.reservations.get(use()) == made()


async def test_a_held_key_is_not_made_yet(store: Store) -> None:
    await hold(store)
    reservation = await store.reservations.get(use())
    assert reservation is not None and not reservation.is_made
    with pytest.raises(KeyTaken):
        await make(store, "resp_2")


async def test_a_key_is_ended_with_the_charge_or_not_at_all(store: Store) -> None:
    await hold(store)
    await store.ledger.record(entry(), first=store.reservations.ending("lease_1"))
    assert await store.reservations.get(use()) == made()
    with pytest.raises(LeaseLost):
        await store.ledger.record(entry("resp_2"), first=store.reservations.ending("lease_1"))
    assert await charge_count(store) == 1


async def test_a_key_is_ended_with_the_stored_answer_or_not_at_all(store: Store) -> None:
    await hold(store)
    settlement = Settlement(
        status=RequestStatus.COMPLETED, finished_at=START, answer=b"{}", charge=entry()
    )
    request = new_request(lane=Lane.REALTIME)
    with pytest.raises(LeaseLost):
        await store.requests.store_settled(
            request, settlement, first=store.reservations.ending("lease_of_another")
        )
    assert await store.requests.get(DEFAULT_PROJECT, "resp_1") is None
    await store.requests.store_settled(
        request, settlement, first=store.reservations.ending("lease_1")
    )
    assert await store.reservations.get(use()) == made()


async def test_a_released_key_is_free(store: Store) -> None:
    await hold(store)
    await store.reservations.release("lease_1")
    assert await store.reservations.get(use()) is None
    await hold(store, "lease_2")


async def test_an_ended_key_is_not_released(store: Store) -> None:
    await hold(store)
    await store.reservations.run(store.reservations.ending("lease_1"))
    await store.reservations.release("lease_1")
    assert await store.reservations.get(use()) == made()


async def test_a_key_whose_work_went_to_the_background_stands_for_that(store: Store) -> None:
    await hold(store)
    await store.requests.enqueue(new_request("resp_1"))
    await store.reservations.release("lease_1")
    assert await store.reservations.get(use()) == made()


async def test_a_key_whose_holder_died_is_free_once_its_lease_is_over(
    store: Store, clock: ManualClock
) -> None:
    await hold(store)
    clock.move(59)
    assert await store.reservations.get(use()) is not None
    clock.move(1)
    assert await store.reservations.get(use()) is None
    await hold(store, "lease_2", "resp_2")
    with pytest.raises(LeaseLost):
        await store.ledger.record(entry(), first=store.reservations.ending("lease_1"))
    assert await charge_count(store) == 0


async def test_a_key_whose_holder_died_behind_a_record_stands_for_that(
    store: Store, clock: ManualClock
) -> None:
    await hold(store)
    await store.requests.enqueue(new_request("resp_1"))
    clock.move(61)
    assert await store.reservations.get(use()) == made()
    with pytest.raises(KeyTaken):
        await hold(store, "lease_2", "resp_2")


async def test_a_server_that_starts_frees_the_keys_that_were_held(store: Store) -> None:
    await hold(store)
    assert await store.leases.void_all() == 1
    assert await store.reservations.get(use()) is None


async def test_the_lease_on_a_key_is_renewed_with_the_others(
    store: Store, clock: ManualClock
) -> None:
    await hold(store)
    until = after(START, 200)
    assert await store.leases.renew({"lease_1": 0, "lease_2": 0}, until=until) == {"lease_1"}
    clock.move(100)
    assert await store.reservations.get(use()) is not None


async def test_old_keys_are_forgotten_but_none_that_is_held(
    store: Store, clock: ManualClock
) -> None:
    await make(store, "resp_1")
    await store.reservations.hold(
        use(idempotency_key="held"),
        "resp_2",
        lease_id="lease_1",
        lease_expires_at=after(START, 500),
    )
    clock.move(60)
    await make(store, "resp_3", idempotency_key="young")
    assert await store.reservations.prune(before=START) == 1
    assert await store.reservations.prune(before=START) == 0
    assert await store.reservations.get(use()) is None
    assert await store.reservations.get(use(idempotency_key="held")) is not None
    assert await store.reservations.get(use(idempotency_key="young")) is not None


async def test_a_dead_hold_is_forgotten_in_the_end(store: Store) -> None:
    await hold(store)
    assert await store.reservations.prune(before=LEASED_UNTIL) == 1


async def test_keys_are_forgotten_in_small_steps(store: Store, database: Database) -> None:
    async def reserve_many(tx: Any) -> None:
        for number in range(101):
            await store.reservations.made(use(idempotency_key=str(number)), "resp_1")(tx)

    await database.write(reserve_many)
    assert await store.reservations.prune(before=START) == 100
    assert await store.reservations.prune(before=START) == 1
