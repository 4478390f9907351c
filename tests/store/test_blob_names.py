"""By which rows blobs are named: every table that names some is asked, by an index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from forebay.core.uploads import UploadPart
from forebay.store.queries import load_queries
from forebay.store.store import Store
from tests.postgres_server import connected
from tests.store.makers import (
    LEASED_UNTIL,
    batch_of,
    begun,
    chunk,
    new_batch,
    new_file,
    new_upload,
    new_upload_part,
    results,
    segment,
)
from tests.store.test_list_plans import plan, schema

__all__ = ["schema"]  # the fixture

INDEXES = {
    "file_blob",
    "file_part_blob",
    "upload_part_blob",
    "segment_blob",
    "chunk_blob",
    "batch_index_blob",
}
VALUES: dict[str, Any] = {"blob_ids": '["blob_1", "blob_2"]', "after": "", "limit": 100}


async def a_file(store: Store) -> str:
    await store.files.add(new_file(blob_id="blob_f"))
    return "blob_f"


async def a_part(store: Store) -> str:
    await store.uploads.add(new_upload())
    await store.uploads.add_part(new_upload_part(1), max_bytes=99)
    return "blob_1"


async def a_file_in_parts(store: Store) -> str:
    blob_id = await a_part(store)
    parts: list[UploadPart] = await store.uploads.parts("upload_1")
    await store.uploads.complete(new_upload(), new_file(blob_id=None), parts)
    return blob_id


async def a_segment(store: Store) -> str:
    await begun(store, segment(7))
    return "blob_s7"


async def a_chunk(store: Store) -> str:
    batch = await begun(store)
    claimed = await store.segments.claim("tiny", lease_expires_at=LEASED_UNTIL)
    assert claimed is not None
    await store.segments.record(claimed[0], batch, results(chunk(0, blob_id="blob_c")))
    return "blob_c"


async def an_index(store: Store) -> str:
    await store.batches.create(new_batch())
    await store.batches.begin(await batch_of(store), [segment()], index_blob_id="blob_i")
    return "blob_i"


@pytest.mark.parametrize("name", [a_file, a_part, a_file_in_parts, a_segment, a_chunk, an_index])
async def test_a_blob_that_a_row_names_is_named(
    store: Store, name: Callable[[Store], Awaitable[str]]
) -> None:
    named = await name(store)
    assert await store.blob_names.unnamed(["blob_x", named, "blob_y"]) == ["blob_x", "blob_y"]


async def test_of_no_blobs_none_is_unnamed(store: Store) -> None:
    assert await store.blob_names.unnamed([]) == []


@pytest.mark.parametrize(
    ("name", "indexes"),
    [("list_unnamed_blobs", INDEXES), ("list_remains", {"batch_remains", "batch_status"})],
)
def test_on_sqlite_whatever_is_swept_is_found_by_an_index(
    schema: sqlite3.Connection, name: str, indexes: set[str]
) -> None:
    steps = plan(schema, name)
    tables = ("batch", "file", "file_part", "upload_part", "segment", "chunk", "again")
    assert not [step for step in steps for table in tables if step.startswith(f"SCAN {table}")]
    for index in indexes:
        assert any(f"INDEX {index} " in step for step in steps), steps


@pytest.mark.parametrize("database_kind", ["postgres"])
@pytest.mark.parametrize(
    ("name", "indexes"),
    [("list_unnamed_blobs", INDEXES), ("list_remains", {"batch_remains", "batch_status"})],
)
async def test_on_postgres_whatever_is_swept_is_found_by_an_index(
    database_url: str, name: str, indexes: set[str]
) -> None:
    query = load_queries("postgres")[name]
    async with connected(database_url) as connection:
        # An empty table is scanned, and hashed, at no cost.
        for way in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"):
            await connection.execute(f"SET {way} = off")
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        statement = await connection.prepare(f"EXPLAIN (FORMAT JSON) {query.text}")
        told = await statement.fetchval(*query.arguments(VALUES))
    nodes = list(nodes_of(json.loads(told)[0]["Plan"]))
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], told
    assert indexes <= {node.get("Index Name") for node in nodes}, told


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)
