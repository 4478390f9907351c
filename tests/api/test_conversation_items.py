"""The items of conversations through OpenAI's client: short forms come back whole."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from forebay.dialects.turn import JsonObject
from tests.api.conftest import Front
from tests.api.conversation_calls import CONVERSATIONS, begun, ids, message, numbered, refused


async def shown(front: Front, *items: Any) -> list[JsonObject]:
    """Return what the API makes of these items."""
    added = await front.openai.conversations.items.create(await begun(front), items=items)
    return [item.model_dump(exclude_unset=True) for item in added.data]


async def test_a_short_message_is_shown_in_full(front: Front) -> None:
    user, answer = await shown(front, message("Hi"), message("Hello", role="assistant"))
    assert str(user.pop("id")).startswith("msg_")
    assert user == {
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi"}],
    }
    assert answer["content"] == [
        {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    ]


async def test_the_parts_of_a_message_are_shown_in_full(front: Front) -> None:
    url = "data:image/png;base64,AA=="
    parts = [
        {"type": "input_text", "text": "Look:"},
        {"type": "input_image", "image_url": url},
        {"type": "input_image", "image_url": url, "detail": "low"},
    ]
    (item,) = await shown(front, message("", content=parts, role="developer"))
    image = {"type": "input_image", "file_id": None, "image_url": url}
    assert item["content"] == [parts[0], image | {"detail": "auto"}, image | {"detail": "low"}]


async def test_an_answers_refusal_stays_one(front: Front) -> None:
    parts = [{"type": "refusal", "refusal": "No."}]
    (item,) = await shown(front, message("", content=parts, role="assistant", status="incomplete"))
    assert (item["content"], item["status"]) == (parts, "incomplete")


@pytest.mark.parametrize(
    ("item", "prefix"),
    [
        ({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}, "fc_"),
        ({"type": "function_call_output", "call_id": "call_1", "output": "4"}, "fco_"),
        ({"type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": "x"}, "ctc_"),
        ({"type": "custom_tool_call_output", "call_id": "call_1", "output": "4"}, "ctco_"),
    ],
)
async def test_calls_and_their_outputs_are_shown_with_id_and_status(
    front: Front, item: dict[str, object], prefix: str
) -> None:
    (found,) = await shown(front, item)
    assert str(found.pop("id")).startswith(prefix)
    assert found == item | {"status": "completed"}


async def test_reasoning_and_compactions_are_shown_with_ids(front: Front) -> None:
    summary = [{"type": "summary_text", "text": "Thought."}]
    reasoning, compaction = await shown(
        front,
        {"type": "reasoning", "summary": summary},
        {"type": "compaction", "encrypted_content": "sealed"},
    )
    assert str(reasoning.pop("id")).startswith("rs_")
    assert reasoning == {
        "type": "reasoning",
        "status": "completed",
        "summary": summary,
        "content": [],
        "encrypted_content": None,
    }
    assert str(compaction.pop("id")).startswith("cmp_")
    assert compaction == {"type": "compaction", "encrypted_content": "sealed"}


async def test_an_item_keeps_the_id_that_it_came_with(front: Front) -> None:
    conversation_id = await begun(front, message("Hi", id="msg_mine"))
    item = await front.openai.conversations.items.retrieve(
        "msg_mine", conversation_id=conversation_id
    )
    assert item.id == "msg_mine"


async def test_an_id_that_is_there_already_is_refused_with_all_that_came_with_it(
    front: Front,
) -> None:
    conversation_id = await begun(front, *numbered(1))
    with pytest.raises(openai.ConflictError, match="msg_0"):
        await front.openai.conversations.items.create(
            conversation_id, items=[message("new"), message("again", id="msg_0")]
        )
    assert await ids(front, conversation_id) == ["msg_0"]


async def test_twenty_items_are_taken_at_once_and_no_more(front: Front) -> None:
    conversation_id = await begun(front, *numbered(20))
    assert len(await ids(front, conversation_id)) == 20
    for path in (CONVERSATIONS, f"{CONVERSATIONS}/{conversation_id}/items"):
        status, error = await refused(front, path, {"items": [message("hi")] * 21})
        assert (status, error["param"]) == (400, "items")
    assert len(await ids(front, conversation_id)) == 20


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "items[0].type"),
        ({"type": "web_search_call", "id": "ws_1"}, "items[0].type"),
        ({"type": ["message"]}, "items[0].type"),
        ({"content": "hi"}, "items[0].role"),
        ({"role": "user"}, "items[0].content"),
        ({"role": "critic", "content": "hi"}, "items[0].role"),
        ({"role": "user", "content": 7}, "items[0].content"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "items[0].content[0].text"),
        ({"role": "user", "content": [{"type": "video"}]}, "items[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_file"}]}, "items[0].content[0].type"),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]},
            "items[0].content[0].file_id",
        ),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "items[0].call_id"),
        ({"type": "function_call_output", "call_id": "c", "output": 4}, "items[0].output"),
        ({"type": "compaction"}, "items[0].encrypted_content"),
        ({"role": "user", "content": "hi", "id": "a/b"}, "items[0].id"),
        ({"role": "user", "content": "hi", "id": "m" * 65}, "items[0].id"),
        ({"role": "user", "content": "hi", "status": "done"}, "items[0].status"),
        ("hi", "items[0]"),
    ],
)
async def test_a_wrong_item_is_refused_by_name(front: Front, item: object, param: str) -> None:
    conversation_id = await begun(front)
    for path in (CONVERSATIONS, f"{CONVERSATIONS}/{conversation_id}/items"):
        status, error = await refused(front, path, {"items": [item]})
        assert (status, error["param"]) == (400, param)
    assert await ids(front, conversation_id) == []


async def test_additions_that_come_together_are_each_kept_in_one_piece(front: Front) -> None:
    conversation_id = await begun(front)
    names = [f"msg_{number}" for number in range(10)]
    await asyncio.gather(
        *[
            front.openai.conversations.items.create(
                conversation_id, items=[message("a", id=name), message("b", id=f"{name}_b")]
            )
            for name in names
        ]
    )
    found = await ids(front, conversation_id)
    pairs = set(zip(found[::2], found[1::2], strict=True))
    assert pairs == {(name, f"{name}_b") for name in names}
