"""Verdicts: what was said downstream of single results of batches, whatever they were before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from forebay.core.batch_report import VerdictCounts
from forebay.core.clock import Clock
from forebay.dialects.wire import encode
from forebay.store.database import Database, Row, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of a result; `was_accepted` if it had the form that was asked for."""

    custom_id: str
    is_accepted: bool
    was_accepted: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The lines of a segment that were answered; the `failed` ones not in the form asked for."""

    numbers: frozenset[int]
    failed: frozenset[int]


class Verdicts:
    """The verdicts in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def answered(self, batch_id: str, ordinals: Iterable[int]) -> dict[int, Answered]:
        """Return which lines of these segments of the batch were answered, by their ordinals."""
        rows = await self._database.read(
            "list_answered_lines", batch_id=batch_id, ordinals=encode(list(ordinals)).decode()
        )
        numbers: dict[int, list[int]] = {}
        failed: dict[int, list[int]] = {}
        for row in rows:
            ordinal = _number(row, "ordinal")
            numbers.setdefault(ordinal, []).extend(_numbers(row["line_numbers"]))
            failed.setdefault(ordinal, []).extend(_numbers(row["schema_failed"] or "[]"))
        return {
            ordinal: Answered(frozenset(found), frozenset(failed[ordinal]))
            for ordinal, found in numbers.items()
        }

    async def keep(self, batch_id: str, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts, each of another result, in the place of earlier ones."""
        said = [
            {
                "custom_id": verdict.custom_id,
                "is_accepted": int(verdict.is_accepted),
                "was_accepted": int(verdict.was_accepted),
            }
            for verdict in verdicts
        ]
        text, now = encode(said).decode(), self._clock.now()

        async def keep(tx: Tx) -> None:
            await tx.run("keep_verdicts", batch_id=batch_id, verdicts=text, now=now)

        await self._database.write(keep)

    async def counts(self, batch_id: str) -> VerdictCounts:
        """Return how many verdicts of each kind the batch has."""
        rows = await self._database.read("count_verdicts", batch_id=batch_id)
        counted = {
            (bool(row["is_accepted"]), bool(row["was_accepted"])): _number(row, "verdict_count")
            for row in rows
        }
        return VerdictCounts(
            confirmed=counted.get((True, True), 0),
            raised=counted.get((True, False), 0),
            dropped=counted.get((False, True), 0),
            denied=counted.get((False, False), 0),
        )


def _number(row: Row, name: str) -> int:
    number = row[name]
    assert isinstance(number, int)
    return number


def _numbers(text: object) -> list[int]:
    return msgspec.json.decode(str(text), type=list[int])
