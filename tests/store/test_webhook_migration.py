"""Deliveries that were kept before there were endpoints are still delivered."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from forebay.store.queries import load_migrations

OLD = 3

REQUEST = """
INSERT INTO request (
    id, project_id, key_id, lane, dialect, model, completion_window, band_rank, status,
    accepted_at, deadline_at, expires_at, not_before_at, is_stored, body, answer, finished_at
) VALUES ('resp_1', 'proj_1', 'key_1', 'background', 'responses', 'tiny', 'standard', 1, 'failed',
    1, 2, 3, 0, 1, x'7b7d', x'7b7d', 7)
"""


def test_old_deliveries_are_kept_with_what_they_were_about(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.sqlite")
    migrations = load_migrations("sqlite")
    for script in migrations[:OLD]:
        connection.executescript(script)
    connection.execute("INSERT INTO project VALUES ('proj_1', 'p', 1)")
    connection.execute(REQUEST)
    connection.execute(
        "INSERT INTO delivery VALUES ('dlv_1', 'resp_1', 'https://a/', x'01', 2, 99, NULL, 'x')"
    )
    connection.execute(
        "INSERT INTO delivery VALUES ('dlv_2', 'resp_1', 'https://b/', NULL, 1, NULL, 8, NULL)"
    )
    connection.executescript(migrations[OLD])
    found = connection.execute(
        "SELECT id, event_id, event_type, subject_id, request_id, url, token, failures, "
        "created_at, owed_at, next_at, delivered_at FROM delivery ORDER BY id"
    ).fetchall()
    connection.close()
    about = ("response.failed", "resp_1", "resp_1")
    assert found == [
        ("dlv_1", "evt_1", *about, "https://a/", b"\x01", 2, 7, 7, 99, None),
        ("dlv_2", "evt_2", *about, "https://b/", None, 1, 7, 7, None, 8),
    ]
