"""No list reads a project's whole history where an index serves it: the plans of both databases."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.store.queries import load_migrations, load_queries
from tests.postgres_server import connected

INDEXES = {
    "list_responses": ("request_list_unfinished", "request_list_ended"),
    "list_ended_responses": ("request_list_ended",),
    "list_unfinished_responses": ("request_list_unfinished",),
    "list_running_responses": ("request_lease",),
    "list_unwell_responses": ("request_list_unwell",),
    "list_session_responses": ("request_list_session",),
    "list_group_responses": ("request_list_group",),
}
LISTS = [
    (f"{name}_{order}_first", indexes)
    for name, indexes in INDEXES.items()
    for order in ("newest", "oldest")
]
PACES = [
    ("list_queue_milestones", ("request_waiting",)),
    ("get_place_in_queue", ("request_waiting",)),
    ("count_running_requests", ("request_lease",)),
    ("list_ended_turns", ("request_pace", "ledger_entry_charge")),
]
SORTED = {"list_running_responses_newest_first", "list_running_responses_oldest_first"}
TEXTS = ("project_id", "low_id", "high_id", "id", "status", "session", "group_name", "model")
NUMBERS = (
    *("low_at", "high_at", "limit", "most", "every"),
    *("low_band_rank", "low_deadline_at", "band_rank", "deadline_at"),
)
VALUES: dict[str, Any] = dict.fromkeys(TEXTS, "1") | dict.fromkeys(NUMBERS, 1)
PLACES = ("(accepted_at,id)>(?,?)", "(accepted_at,id)<(?,?)")


@pytest.fixture
def schema() -> Iterator[sqlite3.Connection]:
    """A connection to SQLite with our schema."""
    connection = sqlite3.connect(":memory:")
    for script in load_migrations("sqlite"):
        connection.executescript(script)
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return the steps of SQLite's plan for a query."""
    text = load_queries("sqlite")[name].text
    values = dict.fromkeys(re.findall(r":(\w+)", text), 1)
    return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]


@pytest.mark.parametrize(("name", "indexes"), LISTS + PACES)
def test_on_sqlite_requests_are_searched_by_the_index_that_serves_the_filter(
    schema: sqlite3.Connection, name: str, indexes: tuple[str, ...]
) -> None:
    steps = plan(schema, name)
    searched = [step for step in steps if step.startswith(("SEARCH request", "SCAN request"))]
    assert all(step.startswith("SEARCH") for step in searched), steps
    for index in indexes:
        assert any(f"INDEX {index} " in step for step in steps), steps


@pytest.mark.parametrize("name", [name for name, _ in LISTS if name not in SORTED])
def test_on_sqlite_a_page_begins_and_ends_at_its_places(
    schema: sqlite3.Connection, name: str
) -> None:
    steps = plan(schema, name)
    searched = [step for step in steps if step.startswith("SEARCH request")]
    assert all(place in step for step in searched for place in PLACES), steps


@pytest.mark.parametrize(
    "name", [name for name, _ in LISTS if name not in SORTED and "list_responses" not in name]
)
def test_on_sqlite_nothing_is_sorted(schema: sqlite3.Connection, name: str) -> None:
    assert not any("TEMP B-TREE" in step for step in plan(schema, name))


@pytest.mark.parametrize("name", ["list_responses", "list_ended_responses"])
def test_on_sqlite_the_history_is_stepped_through_without_its_bodies(
    schema: sqlite3.Connection, name: str
) -> None:
    steps = plan(schema, f"{name}_newest_first")
    searched = [step for step in steps if step.startswith("SEARCH request")]
    assert all("COVERING INDEX" in step for step in searched), steps


@pytest.mark.parametrize("database_kind", ["postgres"])
@pytest.mark.parametrize(("name", "indexes"), LISTS + PACES)
async def test_on_postgres_requests_are_searched_by_the_index_that_serves_the_filter(
    database_url: str, name: str, indexes: tuple[str, ...]
) -> None:
    query = load_queries("postgres")[name]
    async with connected(database_url) as connection:
        # An empty table is scanned at no cost.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        statement = await connection.prepare(f"EXPLAIN (FORMAT JSON) {query.text}")
        told = await statement.fetchval(*query.arguments(VALUES))
    nodes = list(_nodes(json.loads(told)[0]["Plan"]))
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert set(indexes) <= used, told
    assert not any(node["Node Type"] == "Seq Scan" for node in nodes), told
    if name not in SORTED and name.startswith("list_") and name.endswith("_first"):
        conditions = [node["Index Cond"] for node in nodes if "Index Cond" in node]
        assert all("ROW(accepted_at" in condition for condition in conditions), told


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
