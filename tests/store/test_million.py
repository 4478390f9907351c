"""With a million requests that wait, to claim is as little work as with ten."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from forebay.store.database import Database
from forebay.store.postgres_connection import Connection
from forebay.store.store import Store
from tests.fakes import START
from tests.postgres_server import connected
from tests.store.makers import claims

pytestmark = pytest.mark.timeout(60)

COUNT = 1_000_000
LIMIT = 8

# Half of them wait for another model, and every tenth pauses after a failure.
INSERT = """
    INSERT INTO request (
        id, project_id, key_id, lane, dialect, model, completion_window, band_rank, status,
        accepted_at, deadline_at, expires_at, not_before_at, is_stored, body
    )
    SELECT
        'resp_' || n, 'proj_default', 'key_1', 'background', 'responses',
        CASE n % 2 WHEN 0 THEN 'tiny' ELSE 'large' END, 'standard', n % 3, 'queued',
        {start} + n, {start} + 300000 + n, {start} + 86400000,
        CASE n % 10 WHEN 0 THEN {start} + 5000 ELSE 0 END, 1, {body}
    FROM {numbers}
"""


def insert(*, body: str, numbers: str) -> str:
    """Return the statement that makes them."""
    return INSERT.format(start=START, body=body, numbers=numbers)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_in_sqlite_the_steps_of_a_claim_are_few(
    store: Store, database: Database, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "test.sqlite") as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            insert(
                body="X'7b7d'",
                numbers="(WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
                f"counted WHERE n < {COUNT}) SELECT n FROM counted)",
            )
        )
    connection.close()
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    cast(Any, database)._writing.set_progress_handler(step, 1)
    assert len(await claims(store, limit=LIMIT)) == LIMIT
    assert 0 < steps < LIMIT * 1000


@pytest.mark.parametrize("database_kind", ["postgres"])
async def test_in_postgres_the_rows_that_a_claim_reads_are_few(
    store: Store, database: Database, database_url: str
) -> None:
    # The plan was made while there was nothing, and nobody has looked at the table since.
    for _ in range(8):
        assert await claims(store, limit=LIMIT) == []
    writing: Connection = cast(Any, database)._writing
    async with connected(database_url) as outside:
        await outside.execute(
            insert(body="'{}'", numbers=f"generate_series(1, {COUNT}) AS numbers (n)"), timeout=50
        )
        before = await counts(writing, outside)
        for _ in range(8):
            assert len(await claims(store, limit=LIMIT)) == LIMIT
        after = await counts(writing, outside)
        await outside.execute("TRUNCATE request CASCADE")
    read = {name: after[name] - before[name] for name in after}
    assert read["whole_table"] == 0
    # What the claims before have taken is stepped over once.
    assert 8 * LIMIT <= read["waiting_index"] <= 8 * LIMIT * 4
    assert read["rows"] <= 8 * LIMIT * 8


async def counts(writing: Connection, outside: Connection) -> dict[str, int]:
    """Return what was read in the table of requests until now."""
    await writing.execute("SELECT pg_stat_force_next_flush()")
    row = await outside.fetchrow(
        """
        SELECT t.seq_tup_read AS whole_table, t.idx_tup_fetch AS rows,
            i.idx_tup_read AS waiting_index
        FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
        WHERE t.relname = 'request' AND i.indexrelname = 'request_waiting'
        """
    )
    assert row is not None
    return dict(row)
