"""The clock of a shared database: everybody's is the same, whatever a machine's own says."""

from __future__ import annotations

import pytest

from forebay.core.clock import SystemClock
from forebay.store.database import Database, Operation, Row, T, Value
from forebay.store.postgres_clock import PostgresClock


class Ahead:
    """A database whose clock is ahead of this machine's, and slow to answer for some time."""

    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        return [{"now": SystemClock().now() + self._ahead_ms}]

    async def write(self, operation: Operation[T]) -> T:
        raise NotImplementedError

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass


async def test_the_clock_is_the_databases_not_the_machines() -> None:
    clock = await PostgresClock.open(Ahead(3_600_000))
    assert abs(clock.now() - SystemClock().now() - 3_600_000) < 1000
    await clock.close()


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_a_real_database_tells_its_time(database: Database) -> None:
    clock = await PostgresClock.open(database)
    (row,) = await database.read("read_clock")
    told = row["now"]
    assert isinstance(told, int)
    assert abs(clock.now() - told) < 1000
    await clock.close()
