"""Messages, models and errors through Anthropic's client for Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.conftest import MODEL
from tests.clients.environments import Clients

Play = Callable[[str], JsonObject]


@pytest.fixture(params=["anthropic-1", "anthropic-2"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "anthropic_messages", name)


def test_a_prompt_is_answered(play: Play) -> None:
    assert play("plain") == {
        "model": MODEL,
        "text": "You said: hello",
        "stop_reason": "end_turn",
        "output_tokens": 3,
    }


def test_a_streamed_message_comes_in_pieces(play: Play) -> None:
    assert play("streamed") == {
        "pieces": ["You sai", "d: hell", "o"],
        "stop_reason": "end_turn",
    }


def test_a_tool_is_used_and_its_result_is_read(play: Play) -> None:
    assert play("tools") == {
        "name": "weather",
        "input": {"city": "Paris"},
        "stop_reason": "tool_use",
        "text": "The tool said: 21 degrees",
    }


def test_a_streamed_tool_use_is_put_together(play: Play) -> None:
    assert play("streamed_tools") == {"json": '{"city": "Oslo"}', "input": {"city": "Oslo"}}


def test_the_client_runs_tools_by_itself(play: Play) -> None:
    assert play("tool_runner") == {"text": "The tool said: 21 degrees in Rome"}


def test_an_answer_becomes_an_object_of_a_class(play: Play) -> None:
    assert play("parsed") == {"city": "Rome", "days": 7}


def test_thoughts_come_before_the_answer_and_may_be_given_back(play: Play) -> None:
    assert play("thought") == {
        "kinds": ["thinking", "text"],
        "thoughts": "They said: think",
        "later_kinds": ["text"],
    }


def test_the_tokens_of_a_conversation_are_counted(play: Play) -> None:
    assert play("counted") == {"is_positive": True}


def test_models_are_listed_and_looked_up(play: Play) -> None:
    assert play("models") == {"listed": [MODEL], "found": MODEL}


def test_an_unknown_model_is_not_found(play: Play) -> None:
    assert play("unknown_model") == {
        "class": "NotFoundError",
        "kind": "not_found_error",
        "has_request_id": True,
    }


def test_a_wrong_key_is_refused(play: Play) -> None:
    assert play("wrong_key") == {
        "class": "AuthenticationError",
        "kind": "authentication_error",
        "has_request_id": True,
    }


def test_an_answer_without_room_is_a_bad_request(play: Play) -> None:
    assert play("no_room") == {
        "class": "BadRequestError",
        "kind": "invalid_request_error",
        "has_request_id": True,
    }
