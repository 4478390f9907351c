"""What a response continues is read only when it is not too large: the event loop stands still."""

from __future__ import annotations

import pytest

from forebay.core.errors import ContextTooLong
from forebay.core.projects import DEFAULT_PROJECT
from forebay.dialects.dialect import DialectName
from forebay.dialects.responses_history import references
from forebay.dialects.turn import JsonObject
from forebay.lanes.contexts import Contexts
from tests.lanes.house import CALLER, House

ITEM: JsonObject = {"type": "message", "role": "user", "content": "zero"}


def body(text: str, **others: object) -> JsonObject:
    return {"model": "tiny", "input": text, **others}


def reading(house: House, max_history_bytes: int) -> Contexts:
    """Return contexts that read so much."""
    store = house.store
    return Contexts(store.stored_requests, store.conversations, max_history_bytes=max_history_bytes)


async def answered(house: House, asked: JsonObject) -> str:
    """Return the id of the stored response to this body."""
    context = await house.contexts.of(CALLER, asked)
    accepted = house.admission.admit(DialectName.RESPONSES, asked, CALLER, context=context)
    await house.realtime().answer(accepted)
    return accepted.call.id


async def size_bytes(house: House, response_id: str) -> int:
    """Return how large a response and all that it continues are."""
    chain = await house.store.stored_requests.chain(DEFAULT_PROJECT, response_id)
    return sum(len(link.body) + len(link.answer or b"") for link in chain)


async def test_a_history_is_read_up_to_the_limit_and_not_beyond(house: House) -> None:
    first = await answered(house, body("one"))
    second = await answered(house, body("two", previous_response_id=first))
    size = await size_bytes(house, second)
    wanted = body("three", previous_response_id=second)
    context = await reading(house, size).of(CALLER, wanted)
    assert context is not None and len(context.before) == 4
    with pytest.raises(ContextTooLong, match=second):
        await reading(house, size - 1).of(CALLER, wanted)


async def test_what_a_response_was_asked_with_is_shown_up_to_the_limit_and_not_beyond(
    house: House,
) -> None:
    first = await answered(house, body("one"))
    second = await house.kept(await answered(house, body("two", previous_response_id=first)))
    size = await size_bytes(house, second.id)
    assert len(await reading(house, size).asked_by(CALLER, second)) == 3
    with pytest.raises(ContextTooLong):
        await reading(house, size - 1).asked_by(CALLER, second)


async def test_a_waiting_response_is_run_with_a_history_up_to_the_limit_and_not_beyond(
    house: House,
) -> None:
    first = await answered(house, body("one"))
    wanted = body("two", previous_response_id=first, background=True)
    context = await house.contexts.of(CALLER, wanted)
    accepted = house.admission.admit(DialectName.RESPONSES, wanted, CALLER, context=context)
    waiting = await house.kept(str((await house.background.submit(accepted))["id"]))
    size = await size_bytes(house, waiting.id)
    assert await reading(house, size).of_accepted(waiting) == context
    with pytest.raises(ContextTooLong):
        await reading(house, size - 1).of_accepted(waiting)


async def test_a_conversation_is_read_up_to_the_limit_and_not_beyond(house: House) -> None:
    conversations = house.store.conversations
    items = [{**ITEM, "id": f"msg_{number}"} for number in range(2)]
    conversation = await conversations.create(DEFAULT_PROJECT, metadata={}, items=items)
    size = await conversations.size_bytes(DEFAULT_PROJECT, conversation.id)
    wanted = body("one", conversation=conversation.id)
    context = await reading(house, size).of(CALLER, wanted)
    assert context is not None and context.before == items
    with pytest.raises(ContextTooLong, match=conversation.id):
        await reading(house, size - 1).of(CALLER, wanted)


async def test_what_is_referred_to_is_read_up_to_the_limit_and_not_beyond(house: House) -> None:
    ids = [await answered(house, body(text)) for text in ("one", "two")]
    size = sum([await size_bytes(house, id) for id in ids])
    items = [{"type": "item_reference", "id": f"msg_{id.removeprefix('resp_')}_i0"} for id in ids]
    wanted: JsonObject = {"model": "tiny", "input": items}
    context = await reading(house, size).of(CALLER, wanted)
    assert context is not None and references(context.body) == []
    with pytest.raises(ContextTooLong):
        await reading(house, size - 1).of(CALLER, wanted)
