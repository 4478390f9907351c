"""Whoever closes batches reads little, however many batches and lines there are."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.store.queries import load_migrations, load_queries
from forebay.store.store import Store
from tests.postgres_server import connected
from tests.store.makers import LEASED_UNTIL, begun, chunk, results, segment

PLANS = [
    ("list_batches_to_close", ("batch_status", "batch_expiry")),
    ("next_batch_expiry", ("batch_expiry",)),
    ("hold_segment", ("segment_unfinished",)),
    ("peek_unfinished_segment", ("segment_unfinished",)),
    ("get_chunk_of_blob", ("chunk_blob",)),
]
VALUES: dict[str, Any] = {
    **{"now": 1, "batch_id": "b", "from_ordinal": 1, "blob_id": "b"},
    **{"lease_id": "l", "lease_expires_at": 1},
}


@pytest.fixture
def schema() -> Iterator[sqlite3.Connection]:
    """A connection to SQLite with our schema."""
    connection = sqlite3.connect(":memory:")
    for script in load_migrations("sqlite"):
        connection.executescript(script)
    yield connection
    connection.close()


@pytest.mark.parametrize(("name", "indexes"), PLANS)
def test_on_sqlite_no_table_is_scanned(
    schema: sqlite3.Connection, name: str, indexes: tuple[str, ...]
) -> None:
    text = load_queries("sqlite")[name].text
    values = {each: VALUES[each] for each in re.findall(r":(\w+)", text)}
    steps = [step for *_, step in schema.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    assert not any(step.startswith("SCAN") for step in steps), steps
    for index in indexes:
        assert any(f"INDEX {index} " in step for step in steps), steps


@pytest.mark.parametrize("database_kind", ["postgres"])
@pytest.mark.parametrize(("name", "indexes"), PLANS)
async def test_on_postgres_no_table_is_scanned(
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
    assert not any(node["Node Type"] == "Seq Scan" for node in nodes), told
    assert set(indexes) <= {node["Index Name"] for node in nodes if "Index Name" in node}, told


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def steps_to_end(store: Store, database: Any, *, segments: int) -> int:
    """Return the steps of SQLite that recording the last line of a batch takes, and its end."""
    id = f"batch_{segments}"
    await begun(store, *[segment(number, lines=1) for number in range(segments)], id=id)
    for number in range(segments - 1):
        claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
        assert claimed is not None
        await store.segments.record(*claimed, results(chunk(0, blob_id=f"{id}_{number}")))
    last = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert last is not None
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    for connection in (database._writing, database._reading):
        connection.set_progress_handler(step, 1)
    assert await store.segments.record(*last, results(chunk(0, blob_id=f"{id}_last")))
    (batch,) = await store.batches.to_close(now=store.clock.now())
    assert await store.batches.complete(batch.id, keep_until=LEASED_UNTIL)
    for connection in (database._writing, database._reading):
        connection.set_progress_handler(None, 1)
    return steps


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_batch_of_many_segments_takes_no_more_to_finalize_than_a_small_one(
    store: Store, database: Any
) -> None:
    few = await steps_to_end(store, database, segments=2)
    many = await steps_to_end(store, database, segments=200)
    assert 0 < many < 1.2 * few
