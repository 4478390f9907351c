"""Conversations as the history of responses: what a turn sees of them, and what it adds."""

from __future__ import annotations

import openai
import pytest

from tests.api.conftest import MODEL, Front
from tests.api.conversation_calls import begun, ids, message
from tests.api.response_calls import asked_with, contents, say
from tests.api.test_responses import ended
from tests.fakes import Gate, ScriptedEngine, says


async def test_a_conversation_grows_with_each_response(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front, message("zero"))
    for text in ("one", "two"):
        await say(front, text, conversation=conversation, store=text == "one")
    assert contents(engine) == ["zero", "one", "Hello.", "two"]
    assert len(await ids(front, conversation)) == 5


async def test_a_background_response_adds_to_its_conversation_when_it_ends(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front)
    gate = Gate()
    engine.queue.append([gate, *says("ok")])
    made = await front.openai.responses.create(
        model=MODEL, input="one", conversation=conversation, background=True
    )
    assert made.conversation is not None
    assert made.conversation.id == conversation
    await gate.reached.wait()
    assert await ids(front, conversation) == []
    gate.open()
    await ended(front, made.id)
    items = await front.openai.conversations.items.list(conversation)
    assert [item.type for item in items.data] == ["message", "message"]


async def test_an_unknown_conversation_is_not_found(front: Front) -> None:
    with pytest.raises(openai.NotFoundError):
        await say(front, "one", conversation="conv_unknown")


async def test_an_id_that_a_conversation_has_already_is_refused(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front)
    await say(front, [message("one", id="msg_1")], conversation=conversation)
    with pytest.raises(openai.BadRequestError, match="Duplicate item found with id msg_1"):
        await say(front, [message("two", id="msg_1")], conversation=conversation)
    await say(front, "three", conversation=conversation)
    assert contents(engine) == ["one", "Hello.", "three"]


async def test_a_response_of_a_conversation_is_continued_without_what_came_later(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front, message("zero"))
    first = await say(front, "one", conversation=conversation)
    await say(front, "later", conversation=conversation)
    await say(front, "two", previous_response_id=first)
    assert contents(engine) == ["zero", "one", "Hello.", "two"]


async def test_what_came_later_stays_away_when_a_responses_own_items_were_deleted(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front)
    first = await say(front, "one", conversation=conversation)
    for item in await ids(front, conversation):
        assert item is not None
        await front.openai.conversations.items.delete(item, conversation_id=conversation)
    await say(front, "later", conversation=conversation)
    await say(front, "two", previous_response_id=first)
    assert contents(engine) == ["one", "Hello.", "two"]


async def test_a_response_that_began_with_a_deleted_conversation_is_not_continued(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front, message("zero"))
    first = await say(front, "one", conversation=conversation)
    await front.openai.conversations.delete(conversation)
    turns = len(engine.turns)
    with pytest.raises(openai.NotFoundError, match=conversation):
        await say(front, "two", previous_response_id=first)
    assert len(engine.turns) == turns


async def test_a_response_was_asked_with_its_conversation_as_it_was_then(front: Front) -> None:
    conversation = await begun(front, message("zero"))
    first = await say(front, "one", conversation=conversation)
    await say(front, "later", conversation=conversation)
    assert await asked_with(front, first) == ["zero", "one"]
    second = await say(front, "two", previous_response_id=first)
    assert await asked_with(front, second) == ["zero", "one", "Hello.", "two"]


async def test_a_running_response_is_asked_with_its_conversation(
    front: Front, engine: ScriptedEngine
) -> None:
    conversation = await begun(front, message("zero"))
    gate = Gate()
    engine.queue.append([gate, *says("ok")])
    running = await say(front, "one", conversation=conversation, background=True)
    await gate.reached.wait()
    assert await asked_with(front, running) == ["zero", "one"]


async def test_of_a_deleted_conversation_only_the_responses_own_words_are_shown(
    front: Front,
) -> None:
    conversation = await begun(front, message("zero"))
    first = await say(front, "one", conversation=conversation)
    await front.openai.conversations.delete(conversation)
    assert await asked_with(front, first) == ["one"]
