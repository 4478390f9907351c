"""The kept events of streams: each number once, by the lease's holder or by what ends a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.store.events import EventGroup
from forebay.store.request_records import RequestRecord
from forebay.store.store import Store
from tests.fakes import START, ManualClock
from tests.store.makers import claimed, completed, enqueue, kept


def group(first: int, last: int) -> EventGroup:
    """Return a group of events that tell their numbers."""
    events = b"".join(b"data: %d\n\n" % number for number in range(first, last + 1))
    return EventGroup(first_number=first, last_number=last, events=events)


def ending(number: int) -> bytes:
    return b"data: the end is %d\n\n" % number


async def append(store: Store, request: RequestRecord, events: EventGroup) -> None:
    assert request.lease_id is not None
    await store.events.append(request.id, request.lease_id, events)


async def all_of(store: Store, id: str = "resp_1") -> bytes:
    groups = await store.events.following(id, number=-1, limit=100)
    return b"".join(found.events for found in groups)


async def streamed(store: Store) -> RequestRecord:
    """Return a claimed request whose first two events are kept."""
    await enqueue(store, events=group(0, 1))
    return await claimed(store)


async def test_the_first_events_are_kept_with_the_request(store: Store) -> None:
    await enqueue(store, events=group(0, 1))
    assert (await kept(store)).is_streamed
    assert await store.events.following("resp_1", number=-1, limit=9) == [group(0, 1)]


async def test_a_request_without_a_stream_keeps_no_events(store: Store) -> None:
    await enqueue(store)
    assert not (await kept(store)).is_streamed
    assert await all_of(store) == b""


async def test_groups_are_read_in_their_order_from_a_number_on(store: Store) -> None:
    request = await streamed(store)
    for numbers in ((2, 4), (5, 5), (6, 9)):
        await append(store, request, group(*numbers))
    behind = await store.events.following("resp_1", number=3, limit=2)
    assert behind == [group(2, 4), group(5, 5)]
    assert await store.events.following("resp_1", number=9, limit=2) == []


async def test_who_lost_the_lease_shows_nothing_more(store: Store) -> None:
    stale = await streamed(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await append(store, stale, group(2, 2))
    await claimed(store)
    with pytest.raises(LeaseLost):
        await append(store, stale, group(2, 2))
    assert await all_of(store) == group(0, 1).events


async def test_a_group_that_is_kept_again_with_more_takes_its_own_place(store: Store) -> None:
    request = await streamed(store)
    await append(store, request, group(2, 4))
    await append(store, request, group(2, 7))
    await append(store, request, group(8, 8))
    assert await all_of(store) == group(0, 8).events
    assert await store.events.following("resp_1", number=4, limit=1) == [group(2, 7)]


async def test_a_settlement_may_keep_the_last_group_again(store: Store) -> None:
    request = await streamed(store)
    await append(store, request, group(2, 4))
    await store.requests.settle(request, replace(completed(), events=group(2, 6)))
    assert await all_of(store) == group(0, 6).events


async def test_the_last_events_come_with_the_settlement(store: Store) -> None:
    request = await streamed(store)
    await store.requests.settle(request, replace(completed(), events=group(2, 5)))
    assert await all_of(store) == group(0, 5).events


async def test_a_settlement_that_lost_its_lease_ends_no_stream(store: Store) -> None:
    stale = await streamed(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await store.requests.settle(stale, replace(completed(), events=group(2, 5)))
    assert await all_of(store) == group(0, 1).events


async def test_cancelling_ends_the_stream_with_the_next_number(store: Store) -> None:
    request = await streamed(store)
    await append(store, request, group(2, 6))
    assert await store.requests.cancel(request, finished_at=START, answer=b"{}", last_event=ending)
    assert await all_of(store) == group(0, 6).events + ending(7)
    with pytest.raises(LeaseLost):
        await append(store, request, group(7, 7))


async def test_expiring_ends_the_stream_with_the_next_number(store: Store) -> None:
    await enqueue(store, events=group(0, 1))
    request = await kept(store)
    assert await store.requests.expire(request, finished_at=START, answer=b"{}", last_event=ending)
    assert await all_of(store) == group(0, 1).events + ending(2)


async def test_cancelling_what_has_ended_leaves_its_stream_alone(store: Store) -> None:
    request = await streamed(store)
    await store.requests.settle(request, completed())
    assert not await store.requests.cancel(
        request, finished_at=START, answer=b"{}", last_event=ending
    )
    assert await all_of(store) == group(0, 1).events


async def test_events_are_forgotten_a_while_after_the_end(store: Store, clock: ManualClock) -> None:
    request = await streamed(store)
    assert await store.events.forget(finished_before=after(START, 1_000)) == 0
    await store.requests.settle(request, completed())
    assert await store.events.forget(finished_before=after(START, 8)) == 0
    assert await store.events.forget(finished_before=after(START, 9)) == 1
    assert await all_of(store) == b""
    assert (await kept(store)).answer is not None
