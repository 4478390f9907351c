"""The ledger: append-only, at most one charge per subject."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.ledger import EntryKind
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.database import Database, StoreFailed, Tx
from forebay.store.ledger import record_entry
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.store.makers import charge_count, entry


async def test_a_recorded_charge_counts_in_its_projects_total(store: Store) -> None:
    await store.ledger.record(entry("resp_1", cost_nanos=700))
    await store.ledger.record(entry("resp_2", cost_nanos=300))
    assert await store.ledger.total(DEFAULT_PROJECT) == (
        2,
        Usage(input_tokens=20, output_tokens=4),
        1000,
    )
    assert await store.ledger.total(OTHER_PROJECT) == (0, Usage(), 0)


async def test_a_second_charge_of_a_subject_is_refused(store: Store) -> None:
    await store.ledger.record(entry())
    with pytest.raises(StoreFailed):
        await store.ledger.record(entry())
    assert await charge_count(store) == 1


async def test_waste_of_a_subject_may_be_recorded_often(store: Store) -> None:
    for _ in range(3):
        await store.ledger.record(entry(kind=EntryKind.WASTE))
    await store.ledger.record(entry())
    assert await charge_count(store) == 1


async def test_a_refused_append_leaves_its_group_unharmed(store: Store) -> None:
    await store.ledger.record(entry("resp_7"))
    subjects = [f"resp_{number}" for number in range(70)]
    outcomes = await asyncio.gather(
        *[store.ledger.record(entry(subject)) for subject in subjects], return_exceptions=True
    )
    failed = [
        subject for subject, error in zip(subjects, outcomes, strict=True) if error is not None
    ]
    assert failed == ["resp_7"]
    assert await charge_count(store) == 70


async def test_of_two_appends_of_one_subject_in_a_group_one_is_refused(store: Store) -> None:
    outcomes = await asyncio.gather(
        *[store.ledger.record(entry("resp_1")) for _ in range(2)],
        *[store.ledger.record(entry(f"other_{number}")) for number in range(20)],
        return_exceptions=True,
    )
    assert [type(error) for error in outcomes if error is not None] == [StoreFailed]
    assert await charge_count(store) == 21


async def test_a_refused_charge_in_a_transaction_leaves_the_others_unharmed(
    store: Store, database: Database
) -> None:
    async def twice(tx: Tx) -> None:
        await record_entry(tx, entry("resp_1"))
        await record_entry(tx, entry("resp_1"))

    async def once(tx: Tx) -> None:
        await record_entry(tx, entry("resp_2"))

    outcomes = await asyncio.gather(
        database.write(once), database.write(twice), return_exceptions=True
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], StoreFailed)
    assert await charge_count(store) == 1
