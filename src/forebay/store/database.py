"""The seam to a database: operations that run in one transaction, and reads.

An operation is a coroutine function over a `Tx` that awaits nothing but that `Tx`. PostgreSQL
awaits it for real; SQLite's writer thread runs it to its end in one go. So every noun is written
once. An operation may be run more than once before it is committed once: it changes nothing but
the database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from forebay.core.errors import ForebayError, RequestRejected

T = TypeVar("T")
Value = str | int | float | bytes | None
Row = Mapping[str, Value]


class StoreFailed(ForebayError):
    """The store did not take the work, or did not answer; nothing of it was kept."""

    code = "store_failed"
    is_retriable = True


class TextRefused(RequestRejected):
    """A text holds a character that the database cannot keep, so nothing of that name is kept."""

    code = "invalid_value"

    def __init__(self) -> None:
        super().__init__("A value holds the character U+0000, which no text here can have.")


class SchemaTooNew(ForebayError):
    """The database was brought further than this version knows."""

    code = "schema_too_new"


class Tx(Protocol):
    """One open transaction."""

    async def run(self, query: str, /, **values: Value) -> list[Row]:
        """Run the query of that name and return its rows."""
        ...


Operation = Callable[[Tx], Awaitable[T]]


class Database(Protocol):
    """A durable database with group commit.

    `write` and `append` return once the work is on disk. What gathers while one commit runs is
    committed together by the next; an operation that fails leaves nothing behind and harms no
    other.
    """

    async def write(self, operation: Operation[T]) -> T:
        """Run the operation in a transaction; raises what it raises, or `StoreFailed`."""
        ...

    async def append(self, query: str, row: tuple[Value, ...]) -> None:
        """Insert one row by the insert of that name; rows that gather are inserted together."""
        ...

    async def read(self, query: str, /, **values: Value) -> list[Row]:
        """Run a query that changes nothing."""
        ...

    async def close(self) -> None:
        """Finish what was taken on, then close."""
        ...
