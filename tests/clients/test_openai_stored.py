"""Responses that are kept, and conversations, through OpenAI's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine

Play = Callable[[str], JsonObject]


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_stored", name)


def said(engine: ScriptedEngine) -> list[object]:
    """Return the texts of the conversation that the engine heard last."""
    messages = engine.heard()[-1]["messages"]
    assert isinstance(messages, list)
    return [message["content"] for message in messages]


def test_a_response_can_be_looked_up(play: Play) -> None:
    assert play("looked_up") == {"is_same": True}


def test_a_background_response_ends_while_its_caller_polls(play: Play) -> None:
    assert play("background") == {
        "is_waiting": True,
        "status": "completed",
        "text": "You said: hello",
    }


def test_a_background_response_can_be_cancelled(play: Play) -> None:
    assert play("cancelled") == {"status": "cancelled", "output": []}


def test_a_response_can_be_deleted(play: Play) -> None:
    assert play("deleted") == {"is_gone": True}


def test_the_input_of_a_response_can_be_listed_by_pages(play: Play) -> None:
    assert play("input_items") == {
        "kinds": ["message", "message", "message"],
        "roles": ["user", "assistant", "user"],
        "have_ids": True,
    }


def test_a_response_goes_on_from_an_earlier_one(play: Play, engine: ScriptedEngine) -> None:
    assert play("continued") == {"previous": True, "text": "You said: Who am I?"}
    assert said(engine) == ["My name is Ada.", "You said: My name is Ada.", "Who am I?"]


def test_a_conversation_keeps_what_was_said(play: Play, engine: ScriptedEngine) -> None:
    assert play("conversation") == {
        "is_named": True,
        "items": ["message", "message", "message"],
        "is_changed": True,
        "is_deleted": True,
    }
    assert said(engine) == ["My name is Ada.", "Who am I?"]


def test_items_of_a_conversation_can_be_added_and_taken_out(play: Play) -> None:
    assert play("conversation_items") == {"is_found": True, "is_rest_left": True}
