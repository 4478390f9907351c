"""What is asked of all batches, or of one among many, is found by an index: on both databases."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.store.queries import load_queries
from tests.postgres_server import connected
from tests.store.test_list_plans import plan, schema

__all__ = ["schema"]  # the fixture

PLANS = [
    ("list_batch_stretches", {"chunk_pace"}),
    ("list_batch_work", {"batch_status"}),
    ("list_batch_inputs", {"batch_status"}),
    ("count_verdicts", {"verdict_tally"}),
    ("list_answered_lines", {"chunk_segment"}),
    ("list_batches", {"batch_listing"}),
]
TEXTS = ("batch_id", "project_id", "api", "after")
VALUES: dict[str, Any] = dict.fromkeys(TEXTS, "1") | {
    **dict.fromkeys(("since", "now", "stretch_ms", "limit"), 1),
    "ordinals": "[1]",
}


@pytest.mark.parametrize(("name", "indexes"), PLANS)
def test_on_sqlite_no_table_is_read_whole(
    schema: sqlite3.Connection, name: str, indexes: set[str]
) -> None:
    steps = plan(schema, name)
    assert not [
        step for step in steps if re.match(r"SCAN (batch|segment|chunk|file|verdict)", step)
    ]
    for index in indexes:
        assert any(f"INDEX {index} " in step for step in steps), steps


def test_on_sqlite_what_was_recorded_and_judged_is_counted_in_the_index_alone(
    schema: sqlite3.Connection,
) -> None:
    for name, index in (
        ("list_batch_stretches", "chunk_pace"),
        ("count_verdicts", "verdict_tally"),
    ):
        steps = plan(schema, name)
        assert any(f"COVERING INDEX {index} " in step for step in steps), steps


@pytest.mark.parametrize("database_kind", ["postgres"])
@pytest.mark.parametrize(("name", "indexes"), PLANS)
async def test_on_postgres_no_table_is_read_whole(
    database_url: str, name: str, indexes: set[str]
) -> None:
    query = load_queries("postgres")[name]
    async with connected(database_url) as connection:
        # An empty table is scanned at no cost.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        statement = await connection.prepare(f"EXPLAIN (FORMAT JSON) {query.text}")
        told = await statement.fetchval(*query.arguments(VALUES))
    nodes = list(_nodes(json.loads(told)[0]["Plan"]))
    assert indexes <= {node["Index Name"] for node in nodes if "Index Name" in node}, told
    assert not any(node["Node Type"] == "Seq Scan" for node in nodes), told


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
