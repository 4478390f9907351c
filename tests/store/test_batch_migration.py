"""Batches that an earlier version left half done are ended as if they were new."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from forebay.store.queries import load_migrations

OLD = 8

BATCH = """
INSERT INTO batch (
    id, project_id, key_id, endpoint, input_file_id, completion_window, band_rank, metadata, status,
    created_at, deadline_at, expires_at, total_count, completed_count, failed_count, output_file_id,
    finalizing_at, completed_at
) VALUES (:id, 'proj_1', 'key_1', '/v1/chat/completions', 'file-in', '24h', 2, '{}', :status,
    5, 9, 9, :lines, 2, 1, :file_id, :ended_at, :ended_at)
"""
FILE = """
INSERT INTO file (id, project_id, purpose, filename, size_bytes, sha256, created_at, expires_at)
VALUES (?, 'proj_1', 'batch_output', 'f', 1, NULL, 5, 7)
"""


@pytest.fixture
def old() -> Iterator[sqlite3.Connection]:
    """A database of the version before."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in load_migrations("sqlite")[:OLD]:
            connection.executescript(script)
        connection.execute("INSERT INTO project VALUES ('proj_1', 'p', 1)")
        yield connection


def keep(old: sqlite3.Connection, id: str, *, lines: int = 3, is_ended: bool = False) -> None:
    """Keep a batch that has three results, two of them in a file that expires."""
    values = {"id": id, "lines": lines, "file_id": f"file-{id}"}
    ended = ("completed", 6) if is_ended else ("in_progress", None)
    old.execute(BATCH, values | dict(zip(("status", "ended_at"), ended, strict=True)))
    old.execute(FILE, [f"file-{id}"])


def test_a_batch_with_all_its_results_is_finalizing(old: sqlite3.Connection) -> None:
    keep(old, "batch_done")
    keep(old, "batch_half", lines=4)
    keep(old, "batch_ended", is_ended=True)
    old.executescript(load_migrations("sqlite")[OLD])
    found = old.execute("SELECT id, status, finalizing_at FROM batch ORDER BY id").fetchall()
    assert found == [
        ("batch_done", "finalizing", 5),
        ("batch_ended", "completed", 6),
        ("batch_half", "in_progress", None),
    ]


def test_results_of_a_running_batch_expire_no_more(old: sqlite3.Connection) -> None:
    keep(old, "batch_half", lines=4)
    keep(old, "batch_ended", is_ended=True)
    old.executescript(load_migrations("sqlite")[OLD])
    found = old.execute("SELECT id, expires_at FROM file ORDER BY id").fetchall()
    assert found == [("file-batch_ended", 7), ("file-batch_half", None)]
