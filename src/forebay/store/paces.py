"""What the pace of a model's background work is judged by, and the places in its queue."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.core.pace import EndedTurn
from forebay.store.database import Database, Row

Place = tuple[int, Instant, str]
"""Where a waiting request stands: band rank, deadline and id. Smaller ones are claimed first."""

HEAD: Place = (-1, Instant(0), "")
"""Before every request."""


class Paces:
    """The queues and the ended turns in a database, by the names of their models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ended_turns(self, model: str, *, limit: int) -> tuple[EndedTurn, ...]:
        """Return the model's background turns that ended well, the last one first."""
        rows = await self._database.read("list_ended_turns", model=model, limit=limit)
        return tuple(_ended_turn(row) for row in rows)

    async def running_count(self, model: str) -> int:
        """Return how many background requests of the model run now, in whichever process."""
        (row,) = await self._database.read("count_running_requests", model=model)
        return _number(row, "running_count")

    async def milestones(self, model: str, *, every: int, most: int) -> list[Place]:
        """Return the places of so manieth of the model's waiting requests, of the first `most`."""
        rows = await self._database.read(
            "list_queue_milestones", model=model, every=every, most=most
        )
        return [
            (_number(row, "band_rank"), Instant(_number(row, "deadline_at")), str(row["id"]))
            for row in rows
        ]

    async def waiting_between(
        self, model: str, low: Place, high: Place, *, most: int
    ) -> tuple[int, Instant]:
        """Return how many wait between two places, counted up to `most`.

        With it there is until when the request at the second place pauses; 0 if it does not.
        """
        low_band_rank, low_deadline_at, low_id = low
        band_rank, deadline_at, id = high
        (row,) = await self._database.read(
            "get_place_in_queue",
            model=model,
            low_band_rank=low_band_rank,
            low_deadline_at=low_deadline_at,
            low_id=low_id,
            band_rank=band_rank,
            deadline_at=deadline_at,
            id=id,
            most=most,
        )
        pauses_until = row["not_before_at"]
        return _number(row, "waiting_count"), Instant(
            pauses_until if isinstance(pauses_until, int) else 0
        )


def _ended_turn(row: Row) -> EndedTurn:
    output_tokens = row["output_tokens"]
    assert output_tokens is None or isinstance(output_tokens, int)
    return EndedTurn(
        began_at=Instant(_number(row, "attempt_at")),
        ended_at=Instant(_number(row, "finished_at")),
        output_tokens=output_tokens,
    )


def _number(row: Row, name: str) -> int:
    number = row[name]
    assert isinstance(number, int)
    return number
