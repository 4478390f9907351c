"""SQL by name: the blocks of the `.sql` files beside this module.

A block begins with `-- name: settle_request`; a variant for one database only is
`-- name: claim_request (sqlite)`. Values are `:named`; PostgreSQL, which has only numbers for them,
gets `$1`, `$2` and so on.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import TypeVar

T = TypeVar("T")

POSTGRES = "postgres"

_HEAD = re.compile(r"^-- name: (?P<name>\w+)(?: \((?P<dialect>\w+)\))?$", re.MULTILINE)
_VALUES = re.compile(r"VALUES\s*(?P<row>\([^()]*\))", re.IGNORECASE)
# A value, or what may hold a colon that begins none: text, a quoted name, a comment, a cast.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | --[^\n]*
    | /\*.*?\*/
    | ::
    | :(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


class Query:
    """One named statement, with `text` for one database."""

    def __init__(self, name: str, source: str, dialect: str) -> None:
        self.name = name
        self._source = source
        self._is_numbered = dialect == POSTGRES
        self.text, self._names = _numbered(source) if self._is_numbered else (source, ())
        self._repeated: dict[int, str] = {}

    def arguments(self, values: Mapping[str, T]) -> list[T]:
        """Return the values in the order of their numbers, where they have numbers."""
        return [values[name] for name in self._names]

    def repeated(self, count: int) -> str:
        """Return the insert with its row of values `count` times over, positional."""
        if count not in self._repeated:
            self._repeated[count] = self._repeat(count)
        return self._repeated[count]

    def _repeat(self, count: int) -> str:
        found = _VALUES.search(self._source)
        assert found, f"{self.name} is not an insert of one row"
        numbers = itertools.count(1)

        def placeholder(token: re.Match[str]) -> str:
            if token["name"] is None:
                return token[0]
            return f"${next(numbers)}" if self._is_numbered else "?"

        rows = _TOKEN.sub(placeholder, ", ".join([found["row"]] * count))
        return self._source[: found.start("row")] + rows + self._source[found.end("row") :]


def load_queries(dialect: str) -> dict[str, Query]:
    """Return every query that has a block for `dialect`, or one for all databases."""
    queries: dict[str, Query] = {}
    for path in sorted(
        files("forebay.store").joinpath("sql").iterdir(), key=lambda path: path.name
    ):
        if path.name.endswith(".sql"):
            for query in parsed(path.read_text("utf-8"), dialect):
                assert query.name not in queries, f"two queries are named {query.name}"
                queries[query.name] = query
    return queries


def load_migrations(dialect: str) -> list[str]:
    """Return the schema's scripts for `dialect`, oldest first; number N is at N - 1."""
    folder = files("forebay.store").joinpath("migrations")
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(f".{dialect}.sql"))
    return [folder.joinpath(name).read_text("utf-8") for name in names]


def parsed(text: str, dialect: str) -> list[Query]:
    """Return the blocks of one file that are for `dialect`."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        Query(head["name"], text[head.end() : end].strip(), dialect)
        for head, end in zip(heads, ends, strict=True)
        if head["dialect"] in (None, dialect)
    ]


def _numbered(source: str) -> tuple[str, tuple[str, ...]]:
    """Return the statement with a number for each name, and the names in that order."""
    numbers: dict[str, int] = {}

    def placeholder(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _TOKEN.sub(placeholder, source), tuple(numbers)
