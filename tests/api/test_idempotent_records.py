"""Idempotency keys where things are kept: files, batches, conversations and their items."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.api.conftest import MODEL, Front
from tests.api.conversation_calls import ids, message
from tests.api.idempotent_calls import once, second_key, spent

FILE = ("requests.jsonl", b'{"custom_id": "a"}\n')
BATCH: Any = {"input_file_id": "file-none", "endpoint": "/v1/responses"}


async def upload(front: Front, **others: Any) -> Any:
    """Upload a file under the key; every form has a boundary of its own."""
    form: dict[str, Any] = {"file": FILE, "purpose": "batch"}
    return await front.openai.files.create(**(form | others), extra_headers=once())


async def test_a_file_is_uploaded_once(front: Front) -> None:
    first = await upload(front)
    assert await upload(front) == first
    assert len((await front.openai.files.list()).data) == 1


async def test_of_uploads_at_the_same_instant_one_makes_a_file(front: Front) -> None:
    made = await asyncio.gather(*[upload(front) for _ in range(5)])
    assert len({file.id for file in made}) == 1
    assert len((await front.openai.files.list()).data) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"file": ("requests.jsonl", b"other")},
        {"file": ("other.jsonl", FILE[1])},
        {"purpose": "user_data"},
        {"expires_after": {"anchor": "created_at", "seconds": 3600}},
    ],
)
async def test_another_form_is_refused(front: Front, others: dict[str, Any]) -> None:
    await upload(front)
    with pytest.raises(openai.BadRequestError) as refused:
        await upload(front, **others)
    assert spent(refused)
    assert len((await front.openai.files.list()).data) == 1


async def test_a_refused_upload_leaves_its_key_free(front: Front) -> None:
    with pytest.raises(openai.BadRequestError):
        await upload(front, purpose="nothing")
    assert (await upload(front)).purpose == "batch"


async def test_a_deleted_file_is_not_made_again(front: Front) -> None:
    await front.openai.files.delete((await upload(front)).id)
    with pytest.raises(openai.BadRequestError, match="gone") as refused:
        await upload(front)
    assert spent(refused)


async def test_a_batch_is_made_once(front: Front) -> None:
    create = front.openai.batches.create
    made = await asyncio.gather(
        *[create(**BATCH, completion_window="24h", extra_headers=once()) for _ in range(5)]
    )
    assert len({batch.id for batch in made}) == 1
    again = await create(**BATCH, completion_window="24h", extra_headers=once())
    assert again.id == made[0].id
    assert len((await front.openai.batches.list()).data) == 1


async def test_another_batch_is_refused(front: Front) -> None:
    create = front.openai.batches.create
    await create(**BATCH, completion_window="24h", extra_headers=once())
    with pytest.raises(openai.BadRequestError) as refused:
        await create(**BATCH, completion_window="24h", metadata={"a": "b"}, extra_headers=once())
    assert spent(refused)


async def test_a_conversation_is_begun_once(front: Front) -> None:
    create = front.openai.conversations.create
    made = await asyncio.gather(
        *[create(items=[message("hi")], extra_headers=once()) for _ in range(5)]
    )
    assert len({conversation.id for conversation in made}) == 1
    assert len(await ids(front, made[0].id)) == 1


async def test_items_are_added_once(front: Front) -> None:
    conversation = await front.openai.conversations.create()
    create = front.openai.conversations.items.create
    items = [message("hi"), message("ho", id="msg_own")]
    made = await asyncio.gather(
        *[create(conversation.id, items=items, extra_headers=once()) for _ in range(5)]
    )
    assert all(page == made[0] for page in made)
    assert await ids(front, conversation.id) == [item.id for item in made[0].data]


async def test_items_that_are_deleted_are_not_added_again(front: Front) -> None:
    conversation = await front.openai.conversations.create()
    create = front.openai.conversations.items.create
    items = [message("hi"), message("ho", id="msg_own")]
    await create(conversation.id, items=items, extra_headers=once())
    await front.openai.conversations.items.delete("msg_own", conversation_id=conversation.id)
    again = await create(conversation.id, items=items, extra_headers=once())
    assert [item.id for item in again.data] == await ids(front, conversation.id)
    assert len(again.data) == 1


async def test_a_key_of_one_conversation_is_another_one_elsewhere(front: Front) -> None:
    for _ in range(2):
        conversation = await front.openai.conversations.create()
        await front.openai.conversations.items.create(
            conversation.id, items=[message("hi")], extra_headers=once()
        )
        assert len(await ids(front, conversation.id)) == 1


async def test_keys_of_others_are_not_met(front: Front) -> None:
    made = [(await front.openai.conversations.create(extra_headers=once())).id]
    for secret in (await second_key(front), await front.key_of_another_project()):
        others = front.openai_as(secret)
        made.append((await others.conversations.create(extra_headers=once())).id)
    assert len(set(made)) == 3


async def test_another_window_in_the_header_is_another_call(front: Front) -> None:
    statuses = []
    for window in ({}, {"X-Completion-Window": "standard"}, {"X-Completion-Window": "asap"}, {}):
        answer = await front.http.post(
            "/v1/responses", json={"model": MODEL, "input": "hi"}, headers=once() | window
        )
        statuses.append(answer.status_code)
    assert statuses == [200, 400, 400, 200]


async def test_the_same_window_in_the_header_is_the_same_call(front: Front) -> None:
    made = [
        await front.openai.responses.create(
            model=MODEL, input="hi", extra_headers=once() | {"X-Completion-Window": "standard"}
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
