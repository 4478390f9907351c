"""Conversations: items in the order they came, added whole, and seen by their project alone."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.clock import after
from forebay.core.conversations import Conversation
from forebay.core.errors import Conflict, LeaseLost
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.store.conversations import Appended
from forebay.store.database import StoreFailed
from forebay.store.request_records import Settlement
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START
from tests.store.makers import charge_count, claimed, enqueue, entry, new_request


def item(id: str, text: str = "hi") -> JsonObject:
    """Return a message as the API shows it."""
    content: list[JsonObject] = [{"type": "input_text", "text": text}]
    return {"id": id, "type": "message", "status": "completed", "role": "user", "content": content}


def items(*ids: str) -> list[JsonObject]:
    return [item(id) for id in ids]


def ids(found: list[JsonObject] | None) -> list[object]:
    assert found is not None
    return [entry["id"] for entry in found]


async def begun(store: Store, *ids: str) -> Conversation:
    """Return a conversation with items of these ids."""
    return await store.conversations.create(DEFAULT_PROJECT, metadata={}, items=items(*ids))


async def said(store: Store, conversation: Conversation) -> list[object]:
    """Return the ids of all the items, oldest first."""
    return ids(await store.conversations.items(conversation.project_id, conversation.id))


def settlement(*appended: str, to: Conversation, charged: str = "resp_1") -> Settlement:
    """Return a good end that adds items of these ids."""
    return Settlement(
        status=RequestStatus.COMPLETED,
        finished_at=after(START, 9),
        answer=b"{}",
        charge=entry(charged),
        appended=Appended(to.id, tuple(items(*appended))),
    )


async def test_a_conversation_is_kept_as_it_was_made(store: Store) -> None:
    made = await store.conversations.create(
        DEFAULT_PROJECT, metadata={"topic": "ü"}, items=[item("msg_a", "hé"), item("msg_b")]
    )
    assert made.created_at == START
    assert await store.conversations.get(DEFAULT_PROJECT, made.id) == made
    assert await store.conversations.items(DEFAULT_PROJECT, made.id) == [
        item("msg_a", "hé"),
        item("msg_b"),
    ]


async def test_a_conversation_whose_items_share_an_id_is_not_made(store: Store) -> None:
    with pytest.raises(Conflict, match="msg_a"):
        await begun(store, "msg_a", "msg_b", "msg_a")
    later = await begun(store)
    assert await said(store, later) == []


async def test_new_metadata_takes_the_place_of_the_old(store: Store) -> None:
    made = await store.conversations.create(DEFAULT_PROJECT, metadata={"a": "1", "b": "2"})
    changed = await store.conversations.update(DEFAULT_PROJECT, made.id, metadata={"b": "3"})
    assert changed is not None
    assert changed.metadata == {"b": "3"}
    assert await store.conversations.get(DEFAULT_PROJECT, made.id) == changed


async def test_a_deleted_conversation_is_gone_for_every_purpose(store: Store) -> None:
    made = await begun(store, "msg_a")
    assert await store.conversations.delete(DEFAULT_PROJECT, made.id)
    assert not await store.conversations.delete(DEFAULT_PROJECT, made.id)
    assert await store.conversations.get(DEFAULT_PROJECT, made.id) is None
    assert await store.conversations.items(DEFAULT_PROJECT, made.id) is None
    assert await store.conversations.update(DEFAULT_PROJECT, made.id, metadata={}) is None
    assert not await store.conversations.add(made, items("msg_b"))
    assert not await store.conversations.delete_item(made, "msg_a")


async def test_added_items_follow_those_that_were_there(store: Store) -> None:
    made = await begun(store, "msg_b")
    assert await store.conversations.add(made, items("msg_c", "msg_a"))
    assert await said(store, made) == ["msg_b", "msg_c", "msg_a"]


async def test_items_of_which_one_is_there_already_are_not_added(store: Store) -> None:
    made = await begun(store, "msg_a")
    with pytest.raises(Conflict):
        await store.conversations.add(made, items("msg_b", "msg_a"))
    assert await said(store, made) == ["msg_a"]


async def test_two_conversations_may_have_an_item_of_one_id(store: Store) -> None:
    one, two = await begun(store, "msg_a"), await begun(store, "msg_a", "msg_b")
    assert await store.conversations.delete_item(one, "msg_a")
    assert await said(store, one) == []
    assert await said(store, two) == ["msg_a", "msg_b"]


@pytest.mark.parametrize(
    ("is_oldest_first", "pages"),
    [
        (True, [["msg_0", "msg_1"], ["msg_2", "msg_3"], ["msg_4"], []]),
        (False, [["msg_4", "msg_3"], ["msg_2", "msg_1"], ["msg_0"], []]),
    ],
)
async def test_pages_follow_each_other_to_the_end(
    store: Store, is_oldest_first: bool, pages: list[list[str]]
) -> None:
    await begun(store, "msg_0")
    made = await begun(store, *[f"msg_{number}" for number in range(5)])
    cursor: str | None = None
    for expected in pages:
        page = await store.conversations.page(
            made, after=cursor, limit=2, is_oldest_first=is_oldest_first
        )
        assert ids(page) == expected
        cursor = expected[-1] if expected else cursor


async def test_nothing_comes_after_an_unknown_item(store: Store) -> None:
    made = await begun(store, "msg_a")
    for is_oldest_first in (True, False):
        page = await store.conversations.page(
            made, after="msg_x", limit=9, is_oldest_first=is_oldest_first
        )
        assert page == []


async def test_a_deleted_item_is_gone_and_its_id_may_come_again_later(store: Store) -> None:
    made = await begun(store, "msg_a", "msg_b")
    assert await store.conversations.item(made, "msg_a") == item("msg_a")
    assert await store.conversations.delete_item(made, "msg_a")
    assert not await store.conversations.delete_item(made, "msg_a")
    assert await store.conversations.item(made, "msg_a") is None
    await store.conversations.add(made, items("msg_a"))
    assert await said(store, made) == ["msg_b", "msg_a"]


async def test_another_project_sees_and_changes_nothing(store: Store) -> None:
    made = await begun(store, "msg_a")
    assert await store.conversations.get(OTHER_PROJECT, made.id) is None
    assert await store.conversations.items(OTHER_PROJECT, made.id) is None
    assert await store.conversations.update(OTHER_PROJECT, made.id, metadata={"a": "b"}) is None
    assert not await store.conversations.delete(OTHER_PROJECT, made.id)
    foreign = Conversation(
        id=made.id, project_id=OTHER_PROJECT, metadata={}, created_at=made.created_at
    )
    assert not await store.conversations.add(foreign, items("msg_b"))
    assert not await store.conversations.delete_item(foreign, "msg_a")
    assert await store.conversations.get(DEFAULT_PROJECT, made.id) == made
    assert await said(store, made) == ["msg_a"]


async def test_a_settled_request_adds_to_its_conversation(store: Store) -> None:
    made = await begun(store, "msg_a")
    await enqueue(store, conversation_id=made.id)
    await store.requests.settle(await claimed(store), settlement("msg_b", "msg_c", to=made))
    assert await said(store, made) == ["msg_a", "msg_b", "msg_c"]


async def test_a_realtime_turn_adds_to_its_conversation(store: Store) -> None:
    made = await begun(store)
    turn = new_request(lane=Lane.REALTIME, conversation_id=made.id)
    await store.requests.store_settled(turn, settlement("msg_a", to=made))
    assert await said(store, made) == ["msg_a"]


async def test_a_turn_that_is_not_kept_adds_its_items_with_its_charge(store: Store) -> None:
    made = await begun(store)
    await store.conversations.append(Appended(made.id, tuple(items("msg_a"))), charge=entry())
    assert await said(store, made) == ["msg_a"]
    assert await charge_count(store) == 1


async def test_items_are_not_added_when_the_charge_is_refused(store: Store) -> None:
    made = await begun(store)
    await store.ledger.record(entry())
    with pytest.raises(StoreFailed):
        await store.conversations.append(Appended(made.id, tuple(items("msg_a"))), charge=entry())
    await enqueue(store)
    with pytest.raises(StoreFailed):
        await store.requests.settle(await claimed(store), settlement("msg_b", to=made))
    assert await said(store, made) == []


async def test_a_worker_that_lost_its_lease_adds_nothing(store: Store) -> None:
    made = await begun(store)
    await enqueue(store)
    stale = await claimed(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await store.requests.settle(stale, settlement("msg_a", to=made))
    assert await said(store, made) == []


async def test_what_an_end_adds_twice_is_kept_once_as_it_was_first(store: Store) -> None:
    made = await store.conversations.create(
        DEFAULT_PROJECT, metadata={}, items=[item("msg_a", "first")]
    )
    await enqueue(store)
    await store.requests.settle(await claimed(store), settlement("msg_a", "msg_b", to=made))
    assert await said(store, made) == ["msg_a", "msg_b"]
    assert await store.conversations.item(made, "msg_a") == item("msg_a", "first")


async def test_a_turn_ends_well_though_its_conversation_was_deleted(store: Store) -> None:
    made = await begun(store, "msg_a")
    await enqueue(store)
    request = await claimed(store)
    await store.conversations.delete(DEFAULT_PROJECT, made.id)
    await store.requests.settle(request, settlement("msg_b", to=made))
    ended = await store.requests.get(DEFAULT_PROJECT, request.id)
    assert ended is not None
    assert ended.status is RequestStatus.COMPLETED
    assert await store.conversations.item(made, "msg_b") is None


async def test_turns_that_end_together_do_not_mix_their_items(store: Store) -> None:
    made = await begun(store)
    turns = [f"resp_{number}" for number in range(20)]
    await asyncio.gather(
        *[
            store.requests.store_settled(
                new_request(turn, lane=Lane.REALTIME),
                settlement(f"{turn}_asked", f"{turn}_said", to=made, charged=turn),
            )
            for turn in turns
        ],
        *[store.conversations.add(made, items(f"{turn}_1", f"{turn}_2")) for turn in turns],
    )
    found = [str(id) for id in await said(store, made)]
    pairs = list(zip(found[::2], found[1::2], strict=True))
    expected = [(f"{turn}_asked", f"{turn}_said") for turn in turns]
    expected += [(f"{turn}_1", f"{turn}_2") for turn in turns]
    assert sorted(pairs) == sorted(expected)


async def test_a_conversation_is_as_large_as_its_items_and_for_its_project_alone(
    store: Store,
) -> None:
    small = await store.conversations.create(DEFAULT_PROJECT, metadata={}, items=[item("a")])
    large = await store.conversations.create(
        DEFAULT_PROJECT, metadata={}, items=[item("a"), item("b", "hi" + "ü" * 1000)]
    )
    one = await store.conversations.size_bytes(DEFAULT_PROJECT, small.id)
    assert one == len(encode(item("a")))
    two = await store.conversations.size_bytes(DEFAULT_PROJECT, large.id)
    assert two == 2 * one + 2000
    assert await store.conversations.size_bytes(OTHER_PROJECT, large.id) == 0
