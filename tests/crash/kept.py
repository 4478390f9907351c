"""What a server left in its database, read without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from forebay.wiring.data_directory import DATABASE_FILE

Row = dict[str, object]


def rows_of(data_dir: Path, query: str) -> list[Row]:
    """Return the rows of a query, on a connection that can only read."""
    uri = f"file:{data_dir / DATABASE_FILE}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def charges(data_dir: Path) -> list[Row]:
    """Return every charge in the ledger."""
    return rows_of(data_dir, "SELECT * FROM ledger_entry WHERE kind = 'charge' ORDER BY id")
