"""SQLite: one thread owns the writing connection, another one reads.

The writer takes whatever gathered while its last commit ran and commits it as one group, so nothing
waits for a timer. In a group every operation has a savepoint of its own; rows to append are
inserted by as few statements as possible, because each statement lets go of the interpreter's lock
and has to win it back from a busy event loop. WAL with `synchronous=FULL`: a commit that returned
is on disk.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import sqlite3
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from forebay.store.database import Operation, Row, SchemaTooNew, StoreFailed, Tx, Value
from forebay.store.queries import Query, load_migrations, load_queries

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_GROUP = 1024
MAX_TOGETHER = 64  # rows in one insert; each count is a statement of its own, kept prepared

# What one bad row raises: it breaks a constraint, or holds a value that SQLite cannot hold.
ROW_REFUSED = (sqlite3.IntegrityError, OverflowError, ValueError)


@dataclass(slots=True)
class _Write:
    operation: Operation[object]
    future: asyncio.Future[object]


@dataclass(slots=True)
class _Append:
    query: str
    row: tuple[Value, ...]
    future: asyncio.Future[object]


_Outcome = tuple[asyncio.Future[object], object, BaseException | None]


class SqliteDatabase:
    """A `Database` in one file. Built on the event loop that uses it."""

    def __init__(self, path: Path) -> None:
        self._queries = load_queries("sqlite")
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[_Write | _Append | None] = queue.SimpleQueue()
        self._path = path
        self._writing = connect(path)
        _migrate(self._writing)
        self._reading = connect(path)
        self._reading.execute("PRAGMA query_only = ON")
        self._reader = ThreadPoolExecutor(1, "forebay-sqlite-read")
        self._writer = threading.Thread(target=self._write_groups, name="forebay-sqlite-write")
        self._writer.start()
        self._is_closed = False

    async def write(self, operation: Operation[T]) -> T:
        """Run the operation in a transaction; raises what it raises."""
        future: asyncio.Future[object] = self._loop.create_future()
        self._put(_Write(cast("Operation[object]", operation), future))
        return cast("T", await future)

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        """Insert one row by the insert of that name; rows that gather are inserted together."""
        future: asyncio.Future[object] = self._loop.create_future()
        self._put(_Append(query, row, future))
        await future

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        """Run a query that changes nothing."""
        text = self._queries[query].text
        try:
            return await self._loop.run_in_executor(
                self._reader, lambda: _rows(self._reading.execute(text, values))
            )
        except sqlite3.Error as error:
            raise StoreFailed(f"the database did not answer: {error}") from error

    async def close(self) -> None:
        """Finish what was taken on, then close."""
        if self._is_closed:
            return
        self._is_closed = True
        self._inbox.put(None)
        await asyncio.to_thread(self._writer.join)
        await self._loop.run_in_executor(self._reader, self._reading.close)
        self._reader.shutdown()

    def _put(self, work: _Write | _Append) -> None:
        if self._is_closed:
            raise StoreFailed("the database is closed")
        self._inbox.put(work)

    def _write_groups(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                try:
                    outcomes = self._commit(group)
                except Exception as error:
                    # Whatever it is, this thread must live on: it is the only one that writes.
                    outcomes = self._failed(group, error)
                self._loop.call_soon_threadsafe(_resolve, outcomes)
        self._writing.close()

    def _next_group(self) -> tuple[list[_Write | _Append], bool]:
        first = self._inbox.get()
        if first is None:
            return [], False
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                work = self._inbox.get_nowait()
            except queue.Empty:
                break
            if work is None:
                return group, False
            group.append(work)
        return group, True

    def _commit(self, group: list[_Write | _Append]) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        if self._insert_at_once(group):
            return [(work.future, None, None) for work in group]
        self._writing.execute("BEGIN IMMEDIATE")
        for work in group:
            if isinstance(work, _Write):
                outcomes.append(self._run_alone(work.future, work.operation))
        appends = [work for work in group if isinstance(work, _Append)]
        for query, rows in itertools.groupby(
            sorted(appends, key=lambda append: append.query), lambda append: append.query
        ):
            outcomes += self._insert(self._queries[query], list(rows))
        self._writing.execute("COMMIT")
        return outcomes

    def _failed(self, group: list[_Write | _Append], error: Exception) -> list[_Outcome]:
        """Undo a group that could not be committed, on a fresh connection if need be."""
        log.error("group commit failed", extra={"reason": str(error), "size": len(group)})
        try:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._writing.close()
                self._writing = connect(self._path)
        failure = StoreFailed(f"the database did not commit: {error}")
        return [(work.future, None, failure) for work in group]

    def _insert_at_once(self, group: list[_Write | _Append]) -> bool:
        """Commit a group of like rows, the usual case of realtime, by a single statement.

        Each further statement would hand the interpreter's lock to and fro once more. Returns
        False, having changed nothing, for any other group, and when a row is refused.
        """
        if len(group) > MAX_TOGETHER:
            return False
        appends = [work for work in group if isinstance(work, _Append)]
        queries = {append.query for append in appends}
        if len(appends) < len(group) or len(queries) > 1:
            return False
        values = [value for append in appends for value in append.row]
        try:
            query = self._queries[queries.pop()]
            self._writing.execute(query.repeated(len(group)), values)
        except ROW_REFUSED:
            return False
        return True

    def _run_alone(self, future: asyncio.Future[object], operation: Operation[object]) -> _Outcome:
        """Run one operation inside the group, undoing it alone if it fails."""
        self._writing.execute("SAVEPOINT alone")
        try:
            result = _drive(operation(_SqliteTx(self._writing, self._queries)))
        except Exception as error:
            self._writing.execute("ROLLBACK TO alone")
            self._writing.execute("RELEASE alone")
            return future, None, _as_store_failed(error)
        self._writing.execute("RELEASE alone")
        return future, result, None

    def _insert(self, query: Query, appends: list[_Append]) -> list[_Outcome]:
        """Insert the rows together; if one is refused, each by itself."""
        self._writing.execute("SAVEPOINT together")
        try:
            for start in range(0, len(appends), MAX_TOGETHER):
                part = appends[start : start + MAX_TOGETHER]
                values = [value for append in part for value in append.row]
                self._writing.execute(query.repeated(len(part)), values)
        except ROW_REFUSED:
            self._writing.execute("ROLLBACK TO together")
            self._writing.execute("RELEASE together")
            return [
                self._run_alone(append.future, _inserting(self._writing, query, append.row))
                for append in appends
            ]
        self._writing.execute("RELEASE together")
        return [(append.future, None, None) for append in appends]


class _SqliteTx:
    """A `Tx` whose queries run at once."""

    def __init__(self, connection: sqlite3.Connection, queries: dict[str, Query]) -> None:
        self._connection = connection
        self._queries = queries

    async def run(self, query: str, /, **values: Value) -> list[Row]:
        return _rows(self._connection.execute(self._queries[query].text, values))


def _inserting(
    connection: sqlite3.Connection, query: Query, row: tuple[Value, ...]
) -> Operation[object]:
    async def insert(_: Tx) -> None:
        connection.execute(query.repeated(1), row)

    return insert


def _as_store_failed(error: Exception) -> Exception:
    if isinstance(error, sqlite3.Error | OverflowError):
        return StoreFailed(f"the database refused it: {error}")
    return error


def _drive(running: object) -> object:
    """Run a coroutine that never really waits to its end."""
    coroutine = cast("Coroutine[None, None, object]", running)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("a store operation may await nothing but its transaction")


def _resolve(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue  # whoever waited has gone; the work is kept all the same
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _rows(cursor: sqlite3.Cursor) -> list[Row]:
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection by which a commit that returned is on disk."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=0.2
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema forward, each step in one transaction with its number."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = load_migrations("sqlite")
    if version > len(scripts):
        raise SchemaTooNew("a newer version of forebay has changed the schema of this database")
    for number, script in enumerate(scripts, start=1):
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
            )
