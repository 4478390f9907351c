"""Several processes on one database: nobody gets what another has, and nothing mixes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from forebay.core.errors import LeaseLost
from forebay.core.projects import DEFAULT_PROJECT
from forebay.dialects.turn import JsonObject
from forebay.store.conversations import Appended
from forebay.store.database import Tx
from forebay.store.events import EventGroup
from forebay.store.local_blobs import LocalBlobs
from forebay.store.postgres import PostgresDatabase
from forebay.store.store import Store, build_store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, CountingIds, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    begun,
    claimed,
    claims,
    completed,
    enqueue,
    entry,
    kept,
    segment,
)

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"])


@pytest.fixture
async def other(
    database_url: str, blobs: LocalBlobs, clock: ManualClock, new_id: CountingIds
) -> AsyncIterator[Store]:
    """The same database as another process has it."""
    database = await PostgresDatabase.open(database_url)
    yield build_store(database, blobs, clock=clock, new_id=new_id, is_shared=True)
    await database.close()


async def test_of_a_queue_everybody_gets_what_nobody_else_has(store: Store, other: Store) -> None:
    await asyncio.gather(*[enqueue(store, f"resp_{number:03}") for number in range(100)])
    taken = await asyncio.gather(*[claims(one, limit=7) for one in (store, other) * 10])
    ids = [request.id for requests in taken for request in requests]
    assert len(ids) == len(set(ids)) == 100


async def test_a_segment_goes_to_one(store: Store, other: Store) -> None:
    await begun(store, *[segment(ordinal) for ordinal in range(6)])
    taken = await asyncio.gather(
        *[one.segments.claim("tiny", lease_expires_at=LEASED_UNTIL) for one in (store, other) * 4]
    )
    assert sorted(found[0].ordinal for found in taken if found) == list(range(6))


async def test_a_request_is_settled_by_one(store: Store, other: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    outcomes = await asyncio.gather(
        *[one.requests.settle(request, completed(charge=entry())) for one in (store, other)],
        return_exceptions=True,
    )
    assert sorted(map(type, outcomes), key=str) == [type(None), LeaseLost]
    assert (await store.ledger.total(DEFAULT_PROJECT))[0] == 1


async def test_the_items_of_two_responses_do_not_mix(store: Store, other: Store) -> None:
    conversation = await store.conversations.create(DEFAULT_PROJECT, metadata={})
    await other.projects.add_project(OTHER_PROJECT, name="other")  # connected, so that they race

    def adding(one: Store, name: str) -> asyncio.Task[None]:
        items: tuple[JsonObject, ...] = tuple(
            {"id": f"{name}{number}", "text": name} for number in range(20)
        )
        appended = Appended(conversation.id, items)
        return asyncio.ensure_future(one.conversations.append(appended, charge=entry(name)))

    await asyncio.gather(adding(store, "a"), adding(other, "b"))
    items = await store.conversations.items(DEFAULT_PROJECT, conversation.id)
    assert items is not None
    names = "".join(str(item["text"]) for item in items)
    assert names in ("a" * 20 + "b" * 20, "b" * 20 + "a" * 20)


async def test_the_last_event_of_a_cancelled_stream_comes_after_what_was_being_written(
    store: Store, database: PostgresDatabase, other: Store
) -> None:
    """A worker's events are in a transaction that is still open when another process cancels."""
    await enqueue(store, events=EventGroup(first_number=0, last_number=1, events=b"01"))
    request = await claimed(store)
    is_written, may_end = asyncio.Event(), asyncio.Event()

    async def write(tx: Tx) -> None:
        rows = await tx.run(
            "append_events_of_holder",
            request_id=request.id,
            lease_id=request.lease_id,
            first_number=2,
            last_number=4,
            events=b"234",
        )
        assert rows
        is_written.set()
        await may_end.wait()

    writing = asyncio.ensure_future(database.write(write))
    await is_written.wait()
    cancelling = asyncio.ensure_future(
        other.requests.cancel(
            request, finished_at=START, answer=b"{}", last_event=lambda number: b"%d" % number
        )
    )
    await other.projects.has_project(DEFAULT_PROJECT)  # by now it waits for the row
    may_end.set()
    await writing
    assert await cancelling
    groups = await store.events.following(request.id, number=-1, limit=9)
    assert b"".join(group.events for group in groups) == b"012345"


async def test_who_was_cancelled_elsewhere_writes_no_more_events(
    store: Store, other: Store
) -> None:
    await enqueue(store, events=EventGroup(first_number=0, last_number=1, events=b"01"))
    request = await claimed(store)
    group = EventGroup(first_number=2, last_number=2, events=b"x")
    assert request.lease_id is not None
    outcomes = await asyncio.gather(
        other.requests.cancel(
            request, finished_at=START, answer=b"{}", last_event=lambda number: b"%d" % number
        ),
        store.events.append(request.id, request.lease_id, group),
        return_exceptions=True,
    )
    assert outcomes[0] is True
    groups = await store.events.following(request.id, number=-1, limit=9)
    numbers = [group.last_number for group in groups]
    assert numbers == sorted(set(numbers))
    with pytest.raises(LeaseLost):
        await store.events.append(request.id, request.lease_id, group)


async def test_what_is_being_ended_is_not_reaped(
    store: Store, database: PostgresDatabase, other: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    request = await claimed(store)
    clock.move(61)
    is_held, may_end = asyncio.Event(), asyncio.Event()

    async def settle(tx: Tx) -> None:
        await tx.run(
            "settle_request",
            id=request.id,
            lease_id=request.lease_id,
            status="completed",
            finished_at=START,
            answer=b"{}",
        )
        is_held.set()
        await may_end.wait()

    settling = asyncio.ensure_future(database.write(settle))
    await is_held.wait()
    assert await other.leases.reap() == 0
    may_end.set()
    await settling
    assert (await kept(store)).answer == b"{}"


async def test_a_mark_is_kept_once(store: Store, other: Store) -> None:
    marks = await asyncio.gather(
        store.house_marks.keep("any", "one"), other.house_marks.keep("any", "two")
    )
    assert len(set(marks)) == 1
    assert await store.house_marks.get("any") == marks[0]
    assert await store.house_marks.get("other") is None
