"""Lists of a project's responses: what is in them, in which order, and by which filter."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from forebay.core.clock import after
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.store.database import Database
from forebay.store.response_lists import MOST_AT_ONCE, ResponseLists, Wanted
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START
from tests.store.makers import claimed, completed, enqueue, new_request

BOTH_WAYS = pytest.mark.parametrize("is_oldest_first", [True, False])


async def page(store: Store, project_id: str = DEFAULT_PROJECT, **wanted: Any) -> list[str]:
    """Return the ids of all that is wanted, oldest first; `after` and `limit` make it a page."""
    asked = {"after": None, "limit": 99, "is_oldest_first": True}
    paging = {name: wanted.pop(name, value) for name, value in asked.items()}
    found = await store.response_lists.page(project_id, Wanted(**wanted), **paging)
    assert found is not None
    return found


async def ended(store: Store, id: str, *, status: str = "completed", **others: Any) -> None:
    """Keep a realtime response that has ended."""
    settlement = dataclasses.replace(completed(), status=RequestStatus(status))
    await store.requests.store_settled(
        new_request(id, **({"lane": Lane.REALTIME} | others)), settlement
    )


async def one_of_each(store: Store) -> None:
    """Keep a response in each status."""
    await enqueue(store, "resp_running")
    await claimed(store)
    await enqueue(store, "resp_queued")
    for status in ("completed", "incomplete", "failed", "cancelled"):
        await ended(store, f"resp_{status}", status=status)


@pytest.mark.parametrize("status", list(RequestStatus))
async def test_a_status_is_found_without_the_others(store: Store, status: RequestStatus) -> None:
    await one_of_each(store)
    word = "running" if status is RequestStatus.IN_PROGRESS else status.value
    assert await page(store, status=status) == [f"resp_{word}"]
    assert await page(store, status=status, model="large") == []


async def test_without_a_filter_all_are_listed_by_the_time_of_their_acceptance(
    store: Store,
) -> None:
    await one_of_each(store)
    await ended(store, "resp_0", accepted_at=after(START, 5))
    found = await page(store)
    assert found[:-1] == sorted(found[:-1]) and len(found) == 7
    assert found[-1] == "resp_0"
    assert await page(store, is_oldest_first=False) == found[::-1]


@BOTH_WAYS
@pytest.mark.parametrize("status", [None, RequestStatus.COMPLETED, RequestStatus.QUEUED])
async def test_pages_follow_each_other_to_the_end(
    store: Store, is_oldest_first: bool, status: RequestStatus | None
) -> None:
    for number in range(10):
        # Of some that were accepted together, the id says which is first.
        accepted_at = after(START, number // 3)
        if number % 2:
            await enqueue(store, f"resp_{number}", accepted_at=accepted_at)
        else:
            await ended(store, f"resp_{number}", accepted_at=accepted_at)
    whole = await page(store, status=status, is_oldest_first=is_oldest_first)
    found: list[str] = []
    while more := await page(
        store,
        status=status,
        is_oldest_first=is_oldest_first,
        after=found[-1] if found else None,
        limit=2,
    ):
        assert len(more) <= 2
        found += more
    assert found == whole
    assert len(found) == (10 if status is None else 5)


@pytest.mark.parametrize(
    "wanted",
    [
        {"window": "asap"},
        {"model": "large"},
        {"session": "run 1"},
        {"group": "nightly"},
        {"lane": Lane.BACKGROUND},
        {"session": "run 1", "group": "nightly", "model": "large", "window": "asap"},
        {"group": "nightly", "lane": Lane.BACKGROUND, "status": RequestStatus.QUEUED},
        {"status": RequestStatus.QUEUED, "window": "asap"},
    ],
    ids=lambda wanted: " ".join(wanted),
)
async def test_every_filter_leaves_what_fits_it(store: Store, wanted: dict[str, Any]) -> None:
    await ended(store, "resp_plain")
    await ended(store, "resp_other", metadata={"session": "run 2", "group": "daily"})
    await enqueue(
        store,
        "resp_fits",
        model="large",
        completion_window="asap",
        metadata={"session": "run 1", "group": "nightly"},
    )
    assert await page(store, **wanted) == ["resp_fits"]


async def test_what_belongs_to_a_session_may_belong_to_another_group(store: Store) -> None:
    await enqueue(store, "resp_1", metadata={"session": "s", "group": "a"})
    await enqueue(store, "resp_2", metadata={"session": "s", "group": "b"})
    await enqueue(store, "resp_3", metadata={"session": "s"})
    assert await page(store, session="s", group="b") == ["resp_2"]
    assert await page(store, session="s") == ["resp_1", "resp_2", "resp_3"]


@BOTH_WAYS
@pytest.mark.parametrize("session", [None, "s"])
async def test_a_time_is_from_its_beginning_to_before_its_end(
    store: Store, is_oldest_first: bool, session: str | None
) -> None:
    for number in range(5):
        await ended(
            store,
            f"resp_{number}",
            accepted_at=after(START, number),
            metadata={"session": "s"},
        )
    found = await page(
        store,
        session=session,
        created_from=after(START, 1),
        created_before=after(START, 3),
        is_oldest_first=is_oldest_first,
    )
    assert sorted(found) == ["resp_1", "resp_2"]


@BOTH_WAYS
async def test_a_page_goes_on_within_its_time(store: Store, is_oldest_first: bool) -> None:
    for number in range(5):
        await ended(store, f"resp_{number}", accepted_at=after(START, number))
    found = await page(
        store,
        created_from=after(START, 1),
        created_before=after(START, 4),
        after="resp_2",
        is_oldest_first=is_oldest_first,
    )
    assert found == (["resp_3"] if is_oldest_first else ["resp_1"])


async def test_a_list_has_what_is_stored_and_not_deleted_of_one_project(store: Store) -> None:
    session: dict[str, Any] = {"metadata": {"session": "s", "group": "g"}}
    await ended(store, "resp_mine", **session)
    await ended(store, "resp_foreign", project_id=OTHER_PROJECT, **session)
    await ended(store, "resp_unstored", is_stored=False, **session)
    await ended(store, "chatcmpl-1", dialect="chat", **session)
    await ended(store, "resp_deleted", **session)
    await enqueue(store, "resp_unstored_too", is_stored=False, **session)
    assert await store.stored_requests.delete(DEFAULT_PROJECT, "resp_deleted")
    every: list[dict[str, Any]] = [{}, {"session": "s"}, {"group": "g"}]
    for wanted in (*every, {"status": RequestStatus.COMPLETED}):
        assert await page(store, **wanted) == ["resp_mine"]
        assert await page(store, OTHER_PROJECT, **wanted) == ["resp_foreign"]
    for status in (RequestStatus.QUEUED, RequestStatus.IN_PROGRESS, RequestStatus.FAILED):
        assert await page(store, status=status) == []


async def test_a_running_response_of_another_project_is_not_listed(store: Store) -> None:
    await enqueue(store, "resp_1", project_id=OTHER_PROJECT)
    await claimed(store)
    assert await page(store, status=RequestStatus.IN_PROGRESS) == []
    assert await page(store, OTHER_PROJECT, status=RequestStatus.IN_PROGRESS) == ["resp_1"]


async def test_a_page_goes_on_after_one_that_was_deleted_meanwhile(store: Store) -> None:
    for number in range(3):
        await ended(store, f"resp_{number}")
    await store.stored_requests.delete(DEFAULT_PROJECT, "resp_1")
    assert await page(store, after="resp_1") == ["resp_2"]


async def test_after_one_that_was_never_in_this_project_there_is_no_page(store: Store) -> None:
    await ended(store, "resp_1", project_id=OTHER_PROJECT)
    for id in ("resp_1", "resp_unknown"):
        found = await store.response_lists.page(
            DEFAULT_PROJECT, Wanted(), after=id, limit=1, is_oldest_first=True
        )
        assert found is None


class CountedReads:
    """A database that notes how many rows each read may step over."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.limits: list[Any] = []

    async def read(self, query: str, /, **values: Any) -> Any:
        self.limits.append(values["limit"])
        return await self._database.read(query, **values)


@BOTH_WAYS
async def test_what_hardly_any_fits_is_looked_for_in_limited_steps(
    store: Store, database: Database, is_oldest_first: bool
) -> None:
    for number in range(30):
        model = "rare" if number in (0, 29) else "tiny"
        await ended(store, f"resp_{number:02}", model=model)
    counted: Any = CountedReads(database)
    found = await ResponseLists(counted).page(
        DEFAULT_PROJECT,
        Wanted(model="rare"),
        after=None,
        limit=3,
        is_oldest_first=is_oldest_first,
    )
    assert found == (["resp_00", "resp_29"] if is_oldest_first else ["resp_29", "resp_00"])
    assert counted.limits == [3, 12, 48]
    assert max(counted.limits) < MOST_AT_ONCE
