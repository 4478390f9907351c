"""Lists of a project's responses, by the time of their acceptance.

What a filter names is found by the index that serves it best, and what is left of the filter is
looked at row by row. A read steps over a limited number of rows, so that a filter that hardly any
response fits keeps no other reader waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.core.requests import RequestStatus
from forebay.store.database import Database, Row, Value

MOST_AT_ONCE = 2000
GROWTH = 4

Place = tuple[int, str]
"""Where a response stands in a list: when it was accepted, and its id."""

BEGINNING: Place = (0, "")
END: Place = (2**62, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What responses a list is to have; None: any. `created_before` is not among them."""

    status: RequestStatus | None = None
    window: str | None = None
    model: str | None = None
    session: str | None = None
    group: str | None = None
    lane: Lane | None = None
    created_from: Instant | None = None
    created_before: Instant | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """What serves a filter: a pair of queries, what they are asked, and what of it they leave."""

    name: str
    asked: Mapping[str, Value]
    left: Mapping[str, Value]

    def query(self, *, is_oldest_first: bool) -> str:
        """Return the name of the query in that order."""
        return f"{self.name}_oldest_first" if is_oldest_first else f"{self.name}_newest_first"


class ResponseLists:
    """The lists over a database. They have what is stored and not deleted, of one project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        project_id: str,
        wanted: Wanted,
        *,
        after: str | None,
        limit: int,
        is_oldest_first: bool,
    ) -> list[str] | None:
        """Return the ids of the first `limit` after `after`; None when that was never there."""
        low, high = _bounds(wanted)
        if after is not None:
            place = await self._place(project_id, after)
            if place is None:
                return None
            low, high = (max(low, place), high) if is_oldest_first else (low, min(high, place))
        source = _source(wanted)
        query = source.query(is_oldest_first=is_oldest_first)
        found: list[str] = []
        at_once = limit
        while True:
            rows = await self._database.read(
                query,
                project_id=project_id,
                low_at=low[0],
                low_id=low[1],
                high_at=high[0],
                high_id=high[1],
                limit=at_once,
                **source.asked,
            )
            found += [str(row["id"]) for row in rows if _fits(row, source.left)]
            if len(found) >= limit or len(rows) < at_once:
                return found[:limit]
            low, high = (_key(rows[-1]), high) if is_oldest_first else (low, _key(rows[-1]))
            at_once = min(at_once * GROWTH, MOST_AT_ONCE)

    async def _place(self, project_id: str, id: str) -> Place | None:
        rows = await self._database.read("get_list_place", id=id, project_id=project_id)
        return _key({**rows[0], "id": id}) if rows else None


def _bounds(wanted: Wanted) -> tuple[Place, Place]:
    """Return the two places between which the list is."""
    low = BEGINNING if wanted.created_from is None else (wanted.created_from, "")
    high = END if wanted.created_before is None else (wanted.created_before, "")
    return low, high


def _source(wanted: Wanted) -> _Source:
    """Return what finds the fewest that are not wanted."""
    status = None if wanted.status is None else wanted.status.value
    left: dict[str, Value] = {
        "status": status,
        "completion_window": wanted.window,
        "model": wanted.model,
        "lane": None if wanted.lane is None else wanted.lane.value,
    }
    if wanted.session is not None:
        asked: dict[str, Value] = {"session": wanted.session}
        return _Source("list_session_responses", asked, left | {"group_name": wanted.group})
    if wanted.group is not None:
        return _Source("list_group_responses", {"group_name": wanted.group}, left)
    return _source_by_status(wanted.status, left)


def _source_by_status(status: RequestStatus | None, left: Mapping[str, Value]) -> _Source:
    asked: dict[str, Value] = {}
    match status:
        case None:
            name = "list_responses"
        case RequestStatus.QUEUED:
            name = "list_unfinished_responses"
        case RequestStatus.IN_PROGRESS:
            name = "list_running_responses"
        case RequestStatus.COMPLETED:
            name = "list_ended_responses"
        case RequestStatus.INCOMPLETE | RequestStatus.FAILED | RequestStatus.CANCELLED:
            name = "list_unwell_responses"
            asked["status"] = status.value
        case _:
            assert_never(status)
    # What is asked for needs no second look.
    return _Source(name, asked, {**left, "status": None} if asked else left)


def _fits(row: Row, left: Mapping[str, Value]) -> bool:
    return all(value is None or row[column] == value for column, value in left.items())


def _key(row: Row) -> Place:
    accepted_at = row["accepted_at"]
    assert isinstance(accepted_at, int)
    return accepted_at, str(row["id"])
