"""Requests that their callers come back to: chains, pages, metadata, and deletion."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.clock import after
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.store.store import Store
from forebay.store.stored_requests import StoredAnswer
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import (
    charge_count,
    claimed,
    completed,
    enqueue,
    entry,
    kept,
    new_request,
)


async def ended(store: Store, id: str, **others: Any) -> None:
    """Keep a realtime turn that has ended."""
    request = new_request(id, **({"lane": Lane.REALTIME} | others))
    await store.requests.store_settled(request, completed(b'{"id":"%s"}' % id.encode()))


async def chat(store: Store, id: str, **others: Any) -> None:
    """Keep a chat that has ended."""
    await ended(store, id, **({"dialect": "chat"} | others))


async def chain(store: Store, id: str, project_id: str = DEFAULT_PROJECT) -> list[str]:
    """Return the ids of a request and those it continues."""
    return [request.id for request in await store.stored_requests.chain(project_id, id)]


async def is_within(store: Store, id: str, max_bytes: int) -> bool:
    return await store.stored_requests.is_chain_within(DEFAULT_PROJECT, id, max_bytes)


async def page(store: Store, project_id: str = DEFAULT_PROJECT, **others: Any) -> list[str]:
    """Return the ids of a page of chats."""
    values: dict[str, Any] = {
        "model": None,
        "metadata": {},
        "after": None,
        "limit": 9,
        "is_oldest_first": True,
    }
    found = await store.stored_requests.page(project_id, "chat", **(values | others))
    return [chat.id for chat in found]


async def deleted(store: Store, id: str) -> bool:
    return await store.stored_requests.delete(DEFAULT_PROJECT, id)


async def test_what_a_request_belongs_to_is_kept_with_it(store: Store) -> None:
    belongs: dict[str, Any] = {
        "metadata": {"a": "ü"},
        "previous_id": "resp_0",
        "conversation_id": "conv_1",
        "is_stored": False,
    }
    await ended(store, "resp_1", **belongs)
    await enqueue(store, "resp_2", **belongs)
    for id in ("resp_1", "resp_2"):
        request = await store.stored_requests.get(DEFAULT_PROJECT, id)
        assert request is not None
        assert {name: getattr(request, name) for name in belongs} == belongs


async def test_a_request_that_continues_nothing_is_a_chain_alone(store: Store) -> None:
    await ended(store, "resp_1")
    assert await chain(store, "resp_1") == ["resp_1"]


async def test_a_chain_is_oldest_first_and_ends_with_the_request(store: Store) -> None:
    for id, previous_id in (("resp_9", None), ("resp_5", "resp_9"), ("resp_7", "resp_5")):
        await ended(store, id, previous_id=previous_id)
    await ended(store, "resp_8", previous_id="resp_9")
    assert await chain(store, "resp_7") == ["resp_9", "resp_5", "resp_7"]


async def test_a_chain_goes_on_where_a_link_was_deleted(store: Store) -> None:
    await ended(store, "resp_1")
    await ended(store, "resp_2", previous_id="resp_1")
    assert await deleted(store, "resp_1")
    assert await chain(store, "resp_2") == ["resp_1", "resp_2"]


async def test_a_chain_does_not_end_with_what_was_deleted(store: Store) -> None:
    await ended(store, "resp_1")
    await ended(store, "resp_2", previous_id="resp_1")
    await deleted(store, "resp_1")
    assert await chain(store, "resp_1") == []


async def test_a_chain_whose_beginning_was_never_kept_tells_it(store: Store) -> None:
    await ended(store, "resp_2", previous_id="resp_1")
    (only,) = await store.stored_requests.chain(DEFAULT_PROJECT, "resp_2")
    assert only.previous_id == "resp_1"


async def test_a_chain_is_as_large_as_all_its_bodies_and_answers(store: Store) -> None:
    await ended(store, "resp_1", body=b"b" * 1000)
    await ended(store, "resp_2", previous_id="resp_1", body="ü".encode() * 1000)
    await enqueue(store, "resp_3", previous_id="resp_2", body=b"b" * 500)
    size = 1000 + 2000 + 500 + 2 * len(b'{"id":"resp_1"}')
    assert await is_within(store, "resp_3", size)
    assert not await is_within(store, "resp_3", size - 1)
    await deleted(store, "resp_1")
    assert not await is_within(store, "resp_3", size - 1)


async def test_of_another_project_no_chain_has_a_size(store: Store) -> None:
    await ended(store, "resp_1", project_id=OTHER_PROJECT, body=b"b" * 1000)
    await ended(store, "resp_2", previous_id="resp_1", body=b"b")
    assert await is_within(store, "resp_1", 0)
    assert await is_within(store, "resp_2", 100)


async def test_a_chain_stays_within_its_project(store: Store) -> None:
    await ended(store, "resp_1", project_id=OTHER_PROJECT)
    await ended(store, "resp_2", previous_id="resp_1")
    assert await chain(store, "resp_2") == ["resp_2"]
    assert await chain(store, "resp_2", OTHER_PROJECT) == []


@pytest.mark.parametrize("is_running", [False, True])
async def test_what_has_not_ended_is_not_deleted(store: Store, is_running: bool) -> None:
    await enqueue(store)
    if is_running:
        await claimed(store)
    assert not await deleted(store, "resp_1")
    assert (await kept(store)).id == "resp_1"


async def test_deleting_what_has_ended_keeps_its_charge(store: Store) -> None:
    await enqueue(store)
    await store.requests.settle(await claimed(store), completed(charge=entry()))
    assert await deleted(store, "resp_1")
    assert await store.requests.get(DEFAULT_PROJECT, "resp_1") is None
    assert await charge_count(store) == 1


async def test_what_is_continued_is_gone_for_its_caller_when_deleted(store: Store) -> None:
    await ended(store, "resp_1")
    await ended(store, "resp_2", previous_id="resp_1")
    assert await deleted(store, "resp_1")
    assert await store.requests.get(DEFAULT_PROJECT, "resp_1") is None
    assert not await deleted(store, "resp_1")


async def test_what_was_hidden_goes_when_nothing_continues_it_any_more(
    store: Store, clock: ManualClock
) -> None:
    await ended(store, "resp_1")
    await ended(store, "resp_2", previous_id="resp_1")
    await ended(store, "resp_3", previous_id="resp_2")
    assert await deleted(store, "resp_1") and await deleted(store, "resp_2")
    now = clock.now()
    assert await store.stored_requests.delete_hidden(hidden_before=now) == 0
    assert await deleted(store, "resp_3")
    # The last link of what is hidden goes first.
    swept = [await store.stored_requests.delete_hidden(hidden_before=now) for _ in range(4)]
    assert swept == [1, 1, 1, 0]


async def test_what_nothing_continues_is_hidden_first_and_gone_later(
    store: Store, clock: ManualClock
) -> None:
    await ended(store, "resp_1")
    assert await deleted(store, "resp_1")
    early = after(clock.now(), -1)
    assert await store.stored_requests.delete_hidden(hidden_before=early) == 0
    # A turn that began before the deletion ends after it.
    await ended(store, "resp_2", previous_id="resp_1")
    assert await chain(store, "resp_2") == ["resp_1", "resp_2"]
    assert await store.stored_requests.delete_hidden(hidden_before=clock.now()) == 0


async def test_what_was_never_deleted_is_not_swept(store: Store, clock: ManualClock) -> None:
    await ended(store, "resp_1")
    clock.move(10**9)
    assert await store.stored_requests.delete_hidden(hidden_before=clock.now()) == 0
    assert await chain(store, "resp_1") == ["resp_1"]


async def test_an_unstored_one_stays_until_what_continues_it_has_ended(store: Store) -> None:
    await ended(store, "resp_1", is_stored=False)
    await enqueue(store, "resp_2", previous_id="resp_1")
    end = after(START, 9)
    assert await store.stored_requests.delete_unstored(finished_before=end) == 0
    running = await claimed(store)
    assert await store.stored_requests.delete_unstored(finished_before=end) == 0
    await store.requests.settle(running, completed())
    assert await store.stored_requests.delete_unstored(finished_before=end) == 1


async def test_an_unstored_one_is_forgotten_a_while_after_its_end(store: Store) -> None:
    await ended(store, "resp_1", is_stored=False)
    await ended(store, "resp_2")
    end = after(START, 9)
    early = after(end, -1)
    assert await store.stored_requests.delete_unstored(finished_before=early) == 0
    assert await store.stored_requests.delete_unstored(finished_before=end) == 1
    assert await chain(store, "resp_1") == []
    assert await chain(store, "resp_2") == ["resp_2"]


@pytest.mark.parametrize("is_oldest_first", [True, False])
async def test_pages_follow_each_other_to_the_end(store: Store, is_oldest_first: bool) -> None:
    made = [f"chatcmpl-{number}" for number in range(5)]
    for id in made:
        await chat(store, id)
    found: list[str] = []
    sizes: list[int] = []
    while not sizes or sizes[-1]:
        cursor = found[-1] if found else None
        more = await page(store, after=cursor, limit=2, is_oldest_first=is_oldest_first)
        sizes.append(len(more))
        found += more
    assert found == (made if is_oldest_first else made[::-1])
    assert sizes == [2, 2, 1, 0]


async def test_a_page_goes_on_after_one_that_was_deleted_meanwhile(store: Store) -> None:
    for number in range(3):
        await chat(store, f"chatcmpl-{number}")
    await deleted(store, "chatcmpl-1")
    assert await page(store, after="chatcmpl-1") == ["chatcmpl-2"]


async def test_a_page_is_of_one_project_and_one_dialect_and_of_what_is_stored(
    store: Store,
) -> None:
    await chat(store, "chatcmpl-1")
    await chat(store, "chatcmpl-2", project_id=OTHER_PROJECT)
    await chat(store, "chatcmpl-3", is_stored=False)
    await ended(store, "resp_1")
    await enqueue(store, "chatcmpl-4", dialect="chat")
    assert await page(store) == ["chatcmpl-1"]
    assert await page(store, OTHER_PROJECT) == ["chatcmpl-2"]


async def test_a_page_can_be_of_one_model(store: Store) -> None:
    await chat(store, "chatcmpl-1", model="tiny")
    await chat(store, "chatcmpl-2", model="large")
    assert await page(store, model="large") == ["chatcmpl-2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["chatcmpl-1", "chatcmpl-2", "chatcmpl-3"]),
        ({"team": "red"}, ["chatcmpl-1", "chatcmpl-2"]),
        ({"team": "red", "run": "2"}, ["chatcmpl-2"]),
        ({"team": "blue"}, []),
        ({"red": "team"}, []),
        ({'"]': "'; --"}, ["chatcmpl-3"]),
    ],
)
async def test_a_page_can_be_of_what_has_all_the_wanted_pairs(
    store: Store, wanted: dict[str, str], found: list[str]
) -> None:
    await chat(store, "chatcmpl-1", metadata={"team": "red", "run": "1"})
    await chat(store, "chatcmpl-2", metadata={"run": "2", "team": "red"})
    await chat(store, "chatcmpl-3", metadata={'"]': "'; --"})
    assert await page(store, metadata=wanted) == found


async def test_new_metadata_takes_the_place_of_the_old(store: Store) -> None:
    await chat(store, "chatcmpl-1", metadata={"a": "1", "b": "2"})
    updated = await store.stored_requests.update(
        DEFAULT_PROJECT, "chatcmpl-1", "chat", metadata={"b": "3"}
    )
    answer = b'{"id":"chatcmpl-1"}'
    assert updated == StoredAnswer(id="chatcmpl-1", answer=answer, metadata={"b": "3"})
    assert (await kept(store, "chatcmpl-1")).metadata == {"b": "3"}


async def test_metadata_is_changed_by_its_project_alone_and_for_that_dialect(
    store: Store,
) -> None:
    await chat(store, "chatcmpl-1", metadata={"a": "1"})
    for project_id, dialect in ((OTHER_PROJECT, "chat"), (DEFAULT_PROJECT, "responses")):
        assert (
            await store.stored_requests.update(project_id, "chatcmpl-1", dialect, metadata={})
            is None
        )
    assert (await kept(store, "chatcmpl-1")).metadata == {"a": "1"}
