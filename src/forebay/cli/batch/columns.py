"""The columns of a table that is written: those of the input, then ours about each answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from forebay.cli.batch.answers import Answer
from forebay.cli.batch.rows import Row

RESULTS = ("answer", "status", "error", "input_tokens", "output_tokens")


class Kind(StrEnum):
    """What all values of a column have in common, null aside."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"  # lists, objects, or values of several kinds


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the input."""

    name: str
    kind: Kind


def result_names(taken: Collection[str]) -> tuple[str, ...]:
    """Return the names of our columns: with a number behind them where the input has one of them.

    So what a run wrote can be the input of the next one.
    """
    for number in count(1):
        suffix = "" if number == 1 else f"_{number}"
        names = tuple(f"{name}{suffix}" for name in RESULTS)
        if not set(names) & set(taken):
            return names
    raise AssertionError("a table has a finite number of columns")


def result_values(answer: Answer) -> tuple[object, ...]:
    """Return the values of our columns, in the order of `RESULTS`."""
    status, tokens = answer.status.value, (answer.input_tokens, answer.output_tokens)
    return (answer.value, status, answer.error, *tokens)


def columns_in(rows: Iterable[Row]) -> list[Column]:
    """Return the columns that occur in any row, in the order of their first occurrence."""
    kinds: dict[str, Kind | None] = {}
    for row in rows:
        for name, value in row.fields.items():
            kinds[name] = _joined(kinds.get(name), _kind(value))
    return [Column(name, kind or Kind.TEXT) for name, kind in kinds.items()]


def _kind(value: object) -> Kind | None:
    match value:
        case None:
            return None
        case bool():
            return Kind.BOOLEAN
        case int():
            # More than 64 bits are no integer of a table.
            return Kind.INTEGER if -(2**63) <= value < 2**63 else Kind.JSON
        case float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case _:
            return Kind.JSON


def _joined(kind: Kind | None, other: Kind | None) -> Kind | None:
    if kind is None or kind is other:
        return other or kind
    if other is None:
        return kind
    numbers = {Kind.INTEGER, Kind.NUMBER}
    return Kind.NUMBER if {kind, other} == numbers else Kind.JSON
