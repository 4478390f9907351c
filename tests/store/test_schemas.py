"""The schema is one, written down twice: whatever SQLite has, PostgreSQL has, and nothing else."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from forebay.store.postgres_connection import Connection
from forebay.store.sqlite import SqliteDatabase
from tests.postgres_server import PostgresServer, connected

TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
ON_DELETE = {"NO ACTION": "a", "CASCADE": "c", "SET NULL": "n"}

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0
"""
INDEXES = """
    SELECT t.relname, CASE WHEN c.oid IS NULL THEN i.relname END, x.indisunique,
        ARRAY(
            SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place
        ),
        pg_get_expr(x.indpred, x.indrelid)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.contype IN ('p', 'u')
    WHERE t.relnamespace = 'public'::regnamespace
"""
REFERENCES = """
    SELECT c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, c.confdeltype::text
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f'
"""
CHECKS = """
    SELECT conrelid::regclass::text, count(*) FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace GROUP BY 1
"""
INDEXED_BY_LANGUAGE = """
    SELECT DISTINCT t.relname || '.' || a.attname
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
    JOIN pg_collation o ON o.oid = a.attcollation
    WHERE t.relnamespace = 'public'::regnamespace AND o.collname <> 'C'
"""


class Column(NamedTuple):
    """A column; `default` is as SQL has it."""

    table: str
    name: str
    type: str
    is_required: bool
    default: str | None


class Index(NamedTuple):
    """An index; the name is None for what a constraint made, the condition "" for all rows."""

    table: str
    name: str | None
    is_unique: bool
    columns: tuple[str, ...]
    condition: str


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    """A fresh SQLite database."""
    await SqliteDatabase(tmp_path / "schema.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "schema.sqlite")) as connection:
        yield connection


@pytest.fixture
async def postgres(postgres_server: PostgresServer) -> AsyncIterator[Connection]:
    """A fresh PostgreSQL database."""
    url = await postgres_server.lend()
    async with connected(url) as connection:
        yield connection
    await postgres_server.take_back(url)


def tables_of(sqlite: sqlite3.Connection) -> dict[str, str]:
    """Return every table with what made it."""
    return dict(
        sqlite.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    )


async def test_columns_are_the_same(sqlite: sqlite3.Connection, postgres: Connection) -> None:
    ours = {
        Column(table, name, TYPES[type], bool(is_required or place), default)
        for table in tables_of(sqlite)
        for _, name, type, is_required, default, place in sqlite.execute(
            f"PRAGMA table_info({table})"
        )
    }
    theirs = {
        Column(table, name, type, is_required, default and default.partition("::")[0])
        for table, name, type, is_required, default in await postgres.fetch(COLUMNS)
        if table != "schema_version"
    }
    assert ours == theirs


async def test_indexes_are_the_same(sqlite: sqlite3.Connection, postgres: Connection) -> None:
    ours = {index for table in tables_of(sqlite) for index in indexes_of(sqlite, table)}
    theirs = {
        Index(table, name, is_unique, tuple(columns), plain(condition or ""))
        for table, name, is_unique, columns, condition in await postgres.fetch(INDEXES)
    }
    # In SQLite an index may also hold what would else be read in rows with large bodies in them.
    assert {led(index, ours) for index in theirs} == theirs
    assert len(ours) == len(theirs)


async def test_references_are_the_same(sqlite: sqlite3.Connection, postgres: Connection) -> None:
    ours = {
        (table, column, other, ON_DELETE[on_delete])
        for table in tables_of(sqlite)
        for _, _, other, column, _, _, on_delete, _ in sqlite.execute(
            f"PRAGMA foreign_key_list({table})"
        )
    }
    assert ours == {tuple(row) for row in await postgres.fetch(REFERENCES)}


async def test_there_are_as_many_checks(sqlite: sqlite3.Connection, postgres: Connection) -> None:
    ours = {table: len(re.findall(r"\bCHECK \(", sql)) for table, sql in tables_of(sqlite).items()}
    theirs = {row[0]: row[1] for row in await postgres.fetch(CHECKS)}
    assert {table: count for table, count in ours.items() if count} == theirs


async def test_text_in_an_index_is_compared_byte_by_byte(postgres: Connection) -> None:
    """Else `~` may come before letters, as it does in English, and pages of a list would break."""
    assert await postgres.fetch(INDEXED_BY_LANGUAGE) == []


def indexes_of(sqlite: sqlite3.Connection, table: str) -> Iterable[Index]:
    """Return the indexes of a table, and what stands for one where the row's own number does."""
    keys = [row for row in sqlite.execute(f"PRAGMA table_info({table})") if row[5]]
    if [key[2] for key in keys] == ["INTEGER"]:
        yield Index(table, None, True, (keys[0][1],), "")
    for _, name, is_unique, origin, _ in sqlite.execute(f"PRAGMA index_list({table})").fetchall():
        columns = tuple(row[2] for row in sqlite.execute(f"PRAGMA index_info({name})"))
        made = sqlite.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [name]).fetchall()
        condition = plain("".join(sql or "" for (sql,) in made).partition("WHERE")[2])
        yield Index(table, name if origin == "c" else None, bool(is_unique), columns, condition)


def plain(condition: str) -> str:
    """Return a condition without what the databases write differently."""
    bare = re.sub(r"[()]|::\w+(\[\])?|--.*", "", condition)
    return " ".join(re.sub(r"= ANY ARRAY\[(.*?)\]", r"IN \1", bare).split())


def led(index: Index, others: set[Index]) -> Index | None:
    """Return the index as one of the others has it, whose columns may be followed by more."""
    for other in others:
        shortened = other._replace(columns=other.columns[: len(index.columns)])
        if shortened == index and (index.name is not None or other == index):
            return shortened
    return None
