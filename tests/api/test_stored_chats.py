"""Stored chat completions through OpenAI's client: found, listed, labelled, deleted, walled off."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from forebay.dialects.turn import JsonObject
from tests.api.conftest import MODEL, Front
from tests.fakes import ScriptedEngine, says

PATH = "/v1/chat/completions"


async def made(front: Front, *messages: Any, **others: Any) -> ChatCompletion:
    """Return a chat completion that is stored."""
    asked = list(messages) or [{"role": "user", "content": "hi"}]
    values: dict[str, Any] = {"model": MODEL, "messages": asked, "store": True}
    chat: ChatCompletion = await front.openai.chat.completions.create(**(values | others))
    return chat


async def ids(front: Front, **query: Any) -> list[str]:
    """Return the ids of all the stored chats that the query asks for."""
    return [chat.id async for chat in front.openai.chat.completions.list(**query)]


async def messages(front: Front, chat_id: str, **query: str) -> dict[str, Any]:
    """Return a page of messages; the strict client knows no role there but the assistant's."""
    answer = await front.http.get(f"{PATH}/{chat_id}/messages", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_a_stored_chat_is_found_as_it_was_answered(front: Front) -> None:
    chat = await made(front, metadata={"topic": "ü"})
    found = await front.openai.chat.completions.retrieve(chat.id)
    assert found.model_dump() == chat.model_dump() | {"metadata": {"topic": "ü"}}


async def test_a_streamed_chat_is_stored_whole(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(says("Hel", "lo!"))
    stream = await front.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hi"}], store=True, stream=True
    )
    chunks = [chunk async for chunk in stream]
    found = await front.openai.chat.completions.retrieve(chunks[0].id)
    assert found.choices[0].message.content == "Hello!"
    assert found.model_dump()["metadata"] == {}


@pytest.mark.parametrize("others", [{}, {"store": False}, {"store": None}])
async def test_a_chat_is_not_stored_unless_asked(front: Front, others: dict[str, Any]) -> None:
    chat = await front.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hi"}], **others
    )
    with pytest.raises(openai.NotFoundError):
        await front.openai.chat.completions.retrieve(chat.id)
    assert await ids(front) == []


async def test_pages_go_from_old_to_new_unless_asked_otherwise(front: Front) -> None:
    chats = [(await made(front)).id for _ in range(5)]
    first = await front.openai.chat.completions.list(limit=2)
    assert ([chat.id for chat in first.data], first.has_more) == (chats[:2], True)
    assert [chat.id async for chat in first] == chats
    assert await ids(front, limit=2, order="desc") == chats[::-1]


async def test_a_page_that_ends_the_list_exactly_has_no_more(front: Front) -> None:
    for _ in range(2):
        await made(front)
    page = await front.openai.chat.completions.list(limit=2)
    assert page.has_more is False


async def test_a_list_may_be_deleted_while_it_is_read(front: Front) -> None:
    for _ in range(5):
        await made(front)
    async for chat in front.openai.chat.completions.list(limit=2):
        await front.openai.chat.completions.delete(chat.id)
    assert await ids(front) == []


async def test_a_list_can_be_of_one_model(front: Front) -> None:
    chat = await made(front, model="small")
    assert await ids(front, model=chat.model) == [chat.id]
    assert await ids(front, model="other") == []


async def test_a_list_can_be_of_what_has_these_labels(front: Front) -> None:
    first = await made(front, metadata={"team": "red", "run": "1"})
    second = await made(front, metadata={"team": "red", "run": "2"})
    await made(front)
    assert await ids(front, metadata={"team": "red"}) == [first.id, second.id]
    assert await ids(front, metadata={"team": "red", "run": "2"}) == [second.id]
    assert await ids(front, metadata={"team": "blue"}) == []


async def test_the_list_shows_each_chat_as_it_is_found(front: Front) -> None:
    chat = await made(front, metadata={"a": "b"})
    (listed,) = (await front.openai.chat.completions.list()).data
    assert listed == await front.openai.chat.completions.retrieve(chat.id)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"order": "up"}, "order"),
        ({"metadata": "red"}, "metadata"),
        ({"metadata[team": "red"}, "metadata"),
        ({"metadata[team]": "r" * 513}, "metadata.team"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(
    front: Front, query: dict[str, str], param: str
) -> None:
    answer = await front.http.get(PATH, params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_new_metadata_takes_the_place_of_the_old_and_changes_nothing_else(
    front: Front,
) -> None:
    chat = await made(front, metadata={"a": "1", "b": "2"})
    updated = await front.openai.chat.completions.update(chat.id, metadata={"b": "3"})
    assert updated.model_dump() == chat.model_dump() | {"metadata": {"b": "3"}}
    assert await front.openai.chat.completions.retrieve(chat.id) == updated
    assert await ids(front, metadata={"b": "3"}) == [chat.id]
    cleared = await front.openai.chat.completions.update(chat.id, metadata=None)
    assert cleared.model_dump()["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "metadata"),
        ({"metadata": "red"}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"webhook_token": "x"}}, "metadata.webhook_token"),
    ],
)
async def test_wrong_metadata_is_refused_by_name(
    front: Front, body: JsonObject, param: str
) -> None:
    chat = await made(front, metadata={"a": "1"})
    answer = await front.http.post(f"{PATH}/{chat.id}", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    found = await front.openai.chat.completions.retrieve(chat.id)
    assert found.model_dump()["metadata"] == {"a": "1"}


async def test_a_deleted_chat_is_gone(front: Front) -> None:
    chat = await made(front)
    deleted = await front.openai.chat.completions.delete(chat.id)
    assert (deleted.id, deleted.deleted) == (chat.id, True)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
    ):
        answer = await front.http.request(method, f"{PATH}/{chat.id}{path}", json=body)
        assert answer.status_code == 404, (method, path)
    assert await ids(front) == []


async def test_the_messages_of_a_chat_are_those_that_were_sent(front: Front) -> None:
    parts = [{"type": "text", "text": "Hi"}]
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chat = await made(
        front,
        {"role": "system", "content": "Be brief.", "name": "ops"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "4", "tool_call_id": "call_1"},
    )
    page = await messages(front, chat.id)
    nothing = {"content": None, "content_parts": None, "name": None}
    assert page["data"] == [
        nothing | {"id": f"{chat.id}-0", "role": "system", "content": "Be brief.", "name": "ops"},
        nothing | {"id": f"{chat.id}-1", "role": "user", "content_parts": parts},
        nothing | {"id": f"{chat.id}-2", "role": "assistant", "tool_calls": [call]},
        nothing | {"id": f"{chat.id}-3", "role": "tool", "content": "4", "tool_call_id": "call_1"},
    ]


async def test_messages_come_in_pages(front: Front) -> None:
    chat = await made(front, *[{"role": "user", "content": str(number)} for number in range(3)])
    first = await messages(front, chat.id, limit="2")
    assert [message["content"] for message in first["data"]] == ["0", "1"]
    assert first["has_more"] is True
    second = await messages(front, chat.id, limit="2", after=first["last_id"])
    assert [message["content"] for message in second["data"]] == ["2"]
    assert second["has_more"] is False
    newest = await messages(front, chat.id, limit="1", order="desc")
    assert newest["first_id"] == f"{chat.id}-2"


async def test_a_response_is_no_chat_and_a_chat_no_response(front: Front) -> None:
    chat = await made(front)
    response = await front.openai.responses.create(model=MODEL, input="hi")
    for method, path in (
        ("GET", f"/v1/responses/{chat.id}"),
        ("GET", f"/v1/responses/{chat.id}/input_items"),
        ("POST", f"/v1/responses/{chat.id}/cancel"),
        ("DELETE", f"/v1/responses/{chat.id}"),
        ("GET", f"{PATH}/{response.id}"),
        ("GET", f"{PATH}/{response.id}/messages"),
        ("DELETE", f"{PATH}/{response.id}"),
    ):
        assert (await front.http.request(method, path)).status_code == 404, (method, path)
    with pytest.raises(openai.NotFoundError):
        await front.openai.chat.completions.update(response.id, metadata={"a": "b"})
    assert await ids(front) == [chat.id]
    assert await front.openai.responses.retrieve(response.id) == response


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    chat = await made(front, metadata={"a": "1"})
    key = await front.key_of_another_project()
    foreign = front.openai_as(key).chat.completions
    assert [found async for found in foreign.list()] == []
    for act in (
        lambda id: foreign.retrieve(id),
        lambda id: foreign.update(id, metadata={"a": "2"}),
        lambda id: foreign.delete(id),
        lambda id: foreign.messages.list(id),
    ):
        told = []
        for id in (chat.id, "chatcmpl-unknown"):
            with pytest.raises(openai.NotFoundError) as refused:
                await act(id)
            told.append(refused.value.message.replace(id, "ID"))
        assert told[0] == told[1]
    assert (await front.openai.chat.completions.retrieve(chat.id)).id == chat.id


async def test_a_stored_chat_is_charged_like_any_other(front: Front) -> None:
    stored = await made(front)
    plain = await made(front, store=False)
    assert stored.model_dump()["forebay"]["cost"] == plain.model_dump()["forebay"]["cost"]
