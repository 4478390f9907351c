"""The ledger's entries in the database: appended, never changed."""

from __future__ import annotations

from forebay.core.ledger import LedgerEntry
from forebay.core.money import Usage
from forebay.store.database import Database, Operation, Tx, Value


class Ledger:
    """The ledger in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: LedgerEntry, *, first: Operation[None] | None = None) -> None:
        """Append an entry that stands alone; returns once it is on disk.

        `first` runs in the same transaction before it, and keeps it from happening by raising.
        """
        if first is None:
            await self._database.append("record_entry", entry_row(entry))
            return

        async def record(tx: Tx) -> None:
            await first(tx)
            await record_entry(tx, entry)

        await self._database.write(record)

    async def total(self, project_id: str) -> tuple[int, Usage, int]:
        """Return the number of a project's charges, their tokens, and their cost in nano-units."""
        (row,) = await self._database.read("sum_charges", project_id=project_id)
        usage = Usage(
            input_tokens=_int(row["input_tokens"]), output_tokens=_int(row["output_tokens"])
        )
        return _int(row["charge_count"]), usage, _int(row["cost_nanos"])


async def record_entry(tx: Tx, entry: LedgerEntry) -> None:
    """Append an entry inside the transaction that settles its subject."""
    await tx.run("record_entry", **dict(zip(_COLUMNS, entry_row(entry), strict=True)))


_COLUMNS = (
    "kind",
    "subject_id",
    "project_id",
    "key_id",
    "lane",
    "completion_window",
    "model",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nanos",
    "is_window_met",
    "created_at",
)


def entry_row(entry: LedgerEntry) -> tuple[Value, ...]:
    """Return the entry's values in the order of the insert's columns."""
    usage = entry.usage
    return (
        entry.kind.value,
        entry.subject_id,
        entry.project_id,
        entry.key_id,
        entry.lane.value,
        entry.window,
        entry.model,
        usage.input_tokens,
        usage.cached_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        entry.cost_nanos,
        int(entry.is_window_met),
        entry.created_at,
    )


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
