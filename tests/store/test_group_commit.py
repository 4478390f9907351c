"""Group commit: what gathers is committed together, and nobody suffers for another."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.database import Database, StoreFailed, Tx
from forebay.store.ledger import entry_row
from forebay.store.postgres import PostgresDatabase
from forebay.store.sqlite import SqliteDatabase
from tests.store.makers import entry, new_batch

ROW = entry_row(entry())


class Held:
    """An operation that holds the database until it is let go, so that others gather."""

    def __init__(self) -> None:
        self._go = threading.Event()

    async def operation(self, tx: Tx) -> None:
        self._go.wait()

    def let_go(self) -> None:
        self._go.set()


def adding(number: int) -> dict[str, str | int]:
    return {"id": f"proj_{number}", "name": "p", "now": 1}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_operations_that_gather_share_one_commit(database: Database, tmp_path: Path) -> None:
    """Each operation looks from outside: those of one commit see the same committed state."""
    outside = sqlite3.connect(tmp_path / "test.sqlite", check_same_thread=False)
    seen: list[int] = []
    held = Held()

    def add(number: int) -> asyncio.Task[None]:
        async def operation(tx: Tx) -> None:
            await tx.run("add_project", **adding(number))
            (found,) = outside.execute("SELECT count(*) FROM project").fetchone()
            seen.append(found)

        return asyncio.ensure_future(database.write(operation))

    blocking = asyncio.ensure_future(database.write(held.operation))
    adds = [add(number) for number in range(200)]
    await asyncio.sleep(0)  # every task puts its operation
    held.let_go()
    await asyncio.gather(blocking, *adds)
    outside.close()
    assert len(seen) == 200
    assert len(set(seen)) <= 2  # the first may have been taken with the one that blocks


async def test_an_operation_returns_what_its_function_returns(database: Database) -> None:
    async def answer(tx: Tx) -> int:
        return 42

    assert await database.write(answer) == 42


async def test_an_operation_that_fails_leaves_nothing_behind(database: Database) -> None:
    async def half(tx: Tx) -> None:
        await tx.run("add_project", **adding(1))
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        await database.write(half)

    async def is_there(tx: Tx) -> bool:
        return bool(await tx.run("has_project", id="proj_1"))

    assert not await database.write(is_there)


async def test_an_operation_that_fails_harms_no_other_of_its_group(database: Database) -> None:
    held = Held()

    def add(number: int) -> asyncio.Task[None]:
        async def operation(tx: Tx) -> None:
            await tx.run("add_project", **adding(number))
            if number == 3:
                raise ValueError("three")

        return asyncio.ensure_future(database.write(operation))

    blocking = asyncio.ensure_future(database.write(held.operation))
    adds = [add(number) for number in range(6)]
    await asyncio.sleep(0)
    held.let_go()
    outcomes = await asyncio.gather(blocking, *adds, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [ValueError]
    found = [await database.read("has_project", id=f"proj_{number}") for number in range(6)]
    assert [bool(rows) for rows in found] == [True, True, True, False, True, True]


async def test_rows_that_gather_are_all_kept_but_the_refused_one(database: Database) -> None:
    await database.append("record_entry", entry_row(entry("twice")))
    subjects = [*(f"s{number}" for number in range(200)), "twice"]
    outcomes = await asyncio.gather(
        *[database.append("record_entry", entry_row(entry(subject))) for subject in subjects],
        return_exceptions=True,
    )
    assert isinstance(outcomes.pop(), StoreFailed)
    assert set(outcomes) == {None}
    (row,) = await database.read("sum_charges", project_id=DEFAULT_PROJECT)
    assert row["charge_count"] == 201


async def test_rows_and_operations_may_gather_in_one_commit(database: Database) -> None:
    async def add(tx: Tx) -> None:
        await tx.run("add_project", **adding(1))

    await asyncio.gather(
        database.append("record_entry", ROW),
        database.write(add),
        database.append("record_entry", entry_row(entry("resp_2"))),
    )
    (row,) = await database.read("sum_charges", project_id=DEFAULT_PROJECT)
    assert row["charge_count"] == 2
    assert await database.read("has_project", id="proj_1")


async def test_many_failures_in_a_group_harm_no_other(database: Database) -> None:
    def add(number: int) -> asyncio.Task[None]:
        async def operation(tx: Tx) -> None:
            await tx.run("add_project", **adding(number))
            if number % 2:
                raise ValueError("odd")

        return asyncio.ensure_future(database.write(operation))

    outcomes = await asyncio.gather(*map(add, range(20)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), ValueError] * 10
    found = [await database.read("has_project", id=f"proj_{number}") for number in range(20)]
    assert [bool(rows) for rows in found] == [True, False] * 10


async def test_a_cancelled_waiters_work_is_kept(database: Database) -> None:
    held = Held()

    async def add(tx: Tx) -> None:
        await tx.run("add_project", **adding(1))

    blocking = asyncio.ensure_future(database.write(held.operation))
    leaving = asyncio.ensure_future(database.write(add))
    await asyncio.sleep(0)
    leaving.cancel()
    held.let_go()
    await blocking
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await _settled(database)
    assert await database.read("has_project", id="proj_1")


async def test_a_failing_statement_is_the_stores_error(database: Database) -> None:
    async def orphan(tx: Tx) -> None:
        await tx.run("create_batch", **asdict(new_batch(project_id="proj_unknown")))

    with pytest.raises(StoreFailed):
        await database.write(orphan)


async def test_closing_finishes_what_was_taken_on(
    database: Database, database_url: str | None, tmp_path: Path
) -> None:
    held = Held()

    async def add(tx: Tx) -> None:
        await tx.run("add_project", **adding(1))

    blocking = asyncio.ensure_future(database.write(held.operation))
    adding_one = asyncio.ensure_future(database.write(add))
    appending = asyncio.ensure_future(database.append("record_entry", ROW))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(database.close())
    await asyncio.sleep(0)
    held.let_go()
    await asyncio.gather(blocking, adding_one, appending, closing)
    again: Database
    if database_url is None:
        again = SqliteDatabase(tmp_path / "test.sqlite")
    else:
        again = await PostgresDatabase.open(database_url)
    assert await again.read("has_project", id="proj_1")
    (row,) = await again.read("sum_charges", project_id=DEFAULT_PROJECT)
    assert row["charge_count"] == 1
    await again.close()


async def test_a_closed_database_takes_nothing_on(database: Database) -> None:
    await database.close()
    with pytest.raises(StoreFailed):
        await database.append("record_entry", ROW)


async def test_closing_twice_changes_nothing(database: Database) -> None:
    await database.close()
    await database.close()


async def _settled(database: Database) -> bool:
    """Return once everything that was put before is committed."""

    async def nothing(tx: Tx) -> bool:
        return True

    return await database.write(nothing)
