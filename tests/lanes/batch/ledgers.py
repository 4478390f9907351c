"""The ledger, as its rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.postgres_server import connected

Entry = tuple[str, str, int, int, int]

SQL = """
SELECT kind, subject_id, input_tokens, output_tokens, cost_nanos FROM ledger_entry ORDER BY id
"""


class Ledgers:
    """Reads the ledger of a test's database."""

    def __init__(self, file: Path, url: str | None) -> None:
        self._file = file
        self._url = url

    async def entries(self, kind: str | None = None) -> list[Entry]:
        """Return kind, subject, input and output tokens and cost of the entries, in order."""
        rows: list[Any]
        if self._url is None:
            with closing(sqlite3.connect(self._file)) as connection:
                rows = connection.execute(SQL).fetchall()
        else:
            async with connected(self._url) as outside:
                rows = await outside.fetch(SQL)
        found: list[Entry] = [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
        return [entry for entry in found if kind in (None, entry[0])]
