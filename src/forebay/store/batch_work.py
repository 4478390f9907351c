"""The work of all batches together: what is left, and what was recorded lately."""

from __future__ import annotations

from forebay.core.clock import Clock, Instant
from forebay.core.forecast import Stretch, Work
from forebay.store.database import Database
from forebay.store.records import record


class BatchWork:
    """The work in a database, of every project's batches."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def stretches(self, *, since: Instant, stretch_ms: int) -> list[Stretch]:
        """Return what was recorded from then on, in stretches that are so long."""
        rows = await self._database.read(
            "list_batch_stretches", since=since, stretch_ms=stretch_ms, now=self._clock.now()
        )
        return [
            record({**row, "began_at": _number(row["stretch"]) * stretch_ms}, Stretch)
            for row in rows
        ]

    async def left(self) -> list[Work]:
        """Return what running batches have left to do, for each of their models."""
        return [record(row, Work) for row in await self._database.read("list_batch_work")]

    async def inputs(self) -> dict[str, tuple[int, int | None]]:
        """Return the batches to be validated by id, each with what is known of its size.

        That is the number of its lines, 0 where nobody has counted them, and its input's bytes.
        """
        found = {}
        for row in await self._database.read("list_batch_inputs"):
            size_bytes = row["size_bytes"]
            found[str(row["id"])] = (
                _number(row["total_count"]),
                None if size_bytes is None else _number(size_bytes),
            )
        return found


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
