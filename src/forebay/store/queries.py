"""SQL by name: the blocks of the `.sql` files beside this module.

A block begins with `-- name: settle_request`; a variant for one database only is
`-- name: claim_request (sqlite)`. Values are `:named`.
"""

from __future__ import annotations

import re
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (?P<name>\w+)(?: \((?P<dialect>\w+)\))?$", re.MULTILINE)
_VALUES = re.compile(r"VALUES\s*(?P<row>\([^()]*\))", re.IGNORECASE)
_PLACEHOLDER = re.compile(r":\w+")


class Query:
    """One named statement."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._repeated: dict[int, str] = {}

    def repeated(self, count: int) -> str:
        """Return the insert with its row of values `count` times over, positional."""
        if count not in self._repeated:
            self._repeated[count] = self._repeat(count)
        return self._repeated[count]

    def _repeat(self, count: int) -> str:
        found = _VALUES.search(self.text)
        assert found, f"{self.name} is not an insert of one row"
        row = _PLACEHOLDER.sub("?", found["row"])
        return self.text.replace(found["row"], ", ".join([row] * count))


def load_queries(dialect: str) -> dict[str, Query]:
    """Return every query that has a block for `dialect`, or one for all databases."""
    queries: dict[str, Query] = {}
    for path in sorted(
        files("forebay.store").joinpath("sql").iterdir(), key=lambda path: path.name
    ):
        if path.name.endswith(".sql"):
            for query in _blocks(path.read_text("utf-8"), dialect):
                assert query.name not in queries, f"two queries are named {query.name}"
                queries[query.name] = query
    return queries


def load_migrations(dialect: str) -> list[str]:
    """Return the schema's scripts for `dialect`, oldest first; number N is at N - 1."""
    folder = files("forebay.store").joinpath("migrations")
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(f".{dialect}.sql"))
    return [folder.joinpath(name).read_text("utf-8") for name in names]


def _blocks(text: str, dialect: str) -> list[Query]:
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        Query(head["name"], text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
        if head["dialect"] in (None, dialect)
    ]
