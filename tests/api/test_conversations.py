"""Conversations through OpenAI's client: found, paged, changed, and behind a wall."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.dialects.turn import JsonObject
from tests.api.conftest import MAX_BODY_BYTES, Front
from tests.api.conversation_calls import CONVERSATIONS, begun, ids, message, numbered, refused
from tests.fakes import START


async def test_a_new_conversation_is_found_again(front: Front) -> None:
    made = await front.openai.conversations.create(metadata={"topic": "ü"})
    assert made.id.startswith("conv_")
    assert (made.created_at, made.metadata) == (START // 1000, {"topic": "ü"})
    assert await front.openai.conversations.retrieve(made.id) == made


async def test_a_conversation_needs_no_body_fields(front: Front) -> None:
    made = await front.openai.conversations.create()
    assert made.metadata == {}
    assert await ids(front, made.id) == []


async def test_an_empty_list_of_items_has_no_first_and_no_last(front: Front) -> None:
    answer = await front.http.get(f"{CONVERSATIONS}/{await begun(front)}/items")
    assert answer.json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


async def test_new_metadata_takes_the_place_of_the_old(front: Front) -> None:
    made = await front.openai.conversations.create(metadata={"a": "1", "b": "2"})
    changed = await front.openai.conversations.update(made.id, metadata={"b": "3"})
    assert changed.metadata == {"b": "3"}
    assert await front.openai.conversations.retrieve(made.id) == changed
    assert (await front.openai.conversations.update(made.id, metadata=None)).metadata == {}


async def test_a_deleted_conversation_is_not_found(front: Front) -> None:
    conversation_id = await begun(front, *numbered(1))
    deleted = await front.openai.conversations.delete(conversation_id)
    assert (deleted.id, deleted.deleted) == (conversation_id, True)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/items", None),
        ("POST", "/items", {"items": numbered(1)}),
        ("GET", "/items/msg_0", None),
        ("DELETE", "/items/msg_0", None),
    ):
        answer = await front.http.request(
            method, f"{CONVERSATIONS}/{conversation_id}{path}", json=body
        )
        assert answer.status_code == 404, (method, path)
        expected = f"Conversation with id '{conversation_id}' not found."
        assert answer.json()["error"]["message"] == expected


async def test_pages_go_from_new_to_old_unless_asked_otherwise(front: Front) -> None:
    conversation_id = await begun(front, *numbered(5))
    first = await front.openai.conversations.items.list(conversation_id, limit=2)
    assert ([item.id for item in first.data], first.has_more) == (["msg_4", "msg_3"], True)
    found = [item.id async for item in first]
    assert found == [f"msg_{number}" for number in reversed(range(5))]
    assert await ids(front, conversation_id) == found[::-1]


async def test_a_page_that_ends_the_list_exactly_has_no_more(front: Front) -> None:
    conversation_id = await begun(front, *numbered(2))
    page = await front.openai.conversations.items.list(conversation_id, limit=2)
    assert page.has_more is False


async def test_a_page_holds_twenty_items_unless_asked_otherwise(front: Front) -> None:
    conversation_id = await begun(front, *numbered(20))
    await front.openai.conversations.items.create(conversation_id, items=[message("more")])
    page = await front.openai.conversations.items.list(conversation_id)
    assert (len(page.data), page.has_more) == (20, True)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"order": "random"}, "order"),
        ({"after": "msg_unknown"}, "after"),
        ({"include[]": "everything"}, "include[0]"),
        ({"include": "everything"}, "include[0]"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(
    front: Front, query: dict[str, str], param: str
) -> None:
    answer = await front.http.get(f"{CONVERSATIONS}/{await begun(front)}/items", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_what_can_be_included_may_be_asked_for_everywhere(front: Front) -> None:
    include: Any = ["message.input_image.image_url", "reasoning.encrypted_content"]
    items, conversation_id = front.openai.conversations.items, await begun(front)
    added = await items.create(conversation_id, items=numbered(1), include=include)
    page = await items.list(conversation_id, include=include)
    item = await items.retrieve("msg_0", conversation_id=conversation_id, include=include)
    assert added.data == page.data == [item]


async def test_deleting_an_item_returns_the_conversation(front: Front) -> None:
    conversation_id = await begun(front, *numbered(2))
    items = front.openai.conversations.items
    conversation = await items.delete("msg_0", conversation_id=conversation_id)
    assert conversation == await front.openai.conversations.retrieve(conversation_id)
    assert await ids(front, conversation_id) == ["msg_1"]
    for act in (items.retrieve, items.delete):
        with pytest.raises(openai.NotFoundError, match="Item with id 'msg_0' not found"):
            await act("msg_0", conversation_id=conversation_id)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("", {"metadata": {"a": 1}}, "metadata.a"),
        ("", {"metadata": {f"k{number}": "v" for number in range(17)}}, "metadata"),
        ("", {"metadata": {"webhook_token": "x"}}, "metadata.webhook_token"),
        ("", {"items": "hi"}, "items"),
        ("/{id}", {}, "metadata"),
        ("/{id}", {"metadata": {"a": "v" * 513}}, "metadata.a"),
        ("/{id}/items", {}, "items"),
        ("/{id}/items", {"items": []}, "items"),
    ],
)
async def test_a_wrong_body_is_refused_by_name(
    front: Front, path: str, body: JsonObject, param: str
) -> None:
    conversation_id = await begun(front)
    status, error = await refused(front, CONVERSATIONS + path.format(id=conversation_id), body)
    assert (status, error["param"]) == (400, param)


async def test_a_body_that_is_too_large_is_refused(front: Front) -> None:
    status, _ = await refused(front, CONVERSATIONS, {"items": [message("x" * MAX_BODY_BYTES)]})
    assert status == 413


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    conversation_id = await begun(front, *numbered(1))
    foreign = front.openai_as(await front.key_of_another_project()).conversations
    for act in (
        lambda id: foreign.retrieve(id),
        lambda id: foreign.update(id, metadata={"a": "b"}),
        lambda id: foreign.delete(id),
        lambda id: foreign.items.list(id),
        lambda id: foreign.items.create(id, items=[message("hi")]),
        lambda id: foreign.items.retrieve("msg_0", conversation_id=id),
        lambda id: foreign.items.delete("msg_0", conversation_id=id),
    ):
        messages = []
        for id in (conversation_id, "conv_unknown"):
            with pytest.raises(openai.NotFoundError) as refused:
                await act(id)
            messages.append(refused.value.message.replace(id, "ID"))
        assert messages[0] == messages[1]
    assert await ids(front, conversation_id) == ["msg_0"]


async def test_a_caller_without_a_key_is_refused(front: Front) -> None:
    conversation_id = await begun(front)
    with pytest.raises(openai.AuthenticationError):
        await front.openai_as("fb-wrong").conversations.retrieve(conversation_id)
