"""Chat Completions, completions and embeddings through OpenAI's client for Python."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.conftest import MODEL
from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine

Play = Callable[[str], JsonObject]


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_chat", name)


def test_a_prompt_is_answered(play: Play) -> None:
    assert play("plain") == {
        "model": MODEL,
        "text": "You said: hello",
        "finish_reason": "stop",
        "output_tokens": 3,
    }


def test_a_streamed_answer_comes_in_pieces_and_with_its_usage(play: Play) -> None:
    assert play("streamed") == {
        "pieces": ["You sai", "d: hell", "o"],
        "text": "You said: hello",
        "finish_reason": "stop",
        "output_tokens": 3,
    }


def test_a_tool_is_called_and_its_result_is_read(play: Play) -> None:
    made = play("tools")
    assert json.loads(str(made.pop("arguments"))) == {"city": "Paris", "days": 7}
    assert made == {
        "name": "Weather",
        "finish_reason": "tool_calls",
        "text": "The tool said: 21 degrees",
    }


def test_a_streamed_tool_call_is_put_together(play: Play) -> None:
    assert play("streamed_tools") == {
        "names": ["Weather"],
        "arguments": ['{"city": "Oslo", "days": 7}'],
    }


def test_an_answer_becomes_an_object_of_a_class(play: Play) -> None:
    assert play("parsed") == {"city": "Rome", "days": 7}


def test_thoughts_come_beside_the_answer(play: Play) -> None:
    assert play("thought") == {"text": "You said: think", "thoughts": "They said: think"}


def test_several_choices_are_given(play: Play) -> None:
    assert play("two_choices") == {"texts": ["You said: hello", "You said: hello"]}


def test_a_stored_completion_can_be_found_changed_listed_and_deleted(play: Play) -> None:
    assert play("stored") == {
        "is_found": True,
        "metadata": {"a": "2"},
        "messages": ["hello"],
        "is_listed": True,
        "is_deleted": True,
        "is_listed_later": False,
    }


def test_a_text_is_continued(play: Play) -> None:
    assert play("completed") == {"text": " (continued) Once upon", "finish_reason": "stop"}


def test_a_text_is_continued_as_a_stream(play: Play) -> None:
    assert play("completed_streamed") == {"text": " (continued) Once upon"}


def test_texts_are_embedded(play: Play) -> None:
    assert play("embedded") == {
        "by_default": [[2.0, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]],
        "as_numbers": [[4.0, 0.5]],
        "tokens": 2,
    }


def test_the_engine_is_asked_for_its_own_model_name(play: Play, engine: ScriptedEngine) -> None:
    play("plain")
    assert [body["model"] for body in engine.heard()] == ["scripted"]
