"""The Responses API through OpenAI's client for Python."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.answers import JsonObject
from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine

Play = Callable[[str], JsonObject]


@pytest.fixture(params=["openai-2", "openai-3"])
def play(request: pytest.FixtureRequest, clients: Clients) -> Play:
    """What runs a play with one of the client's majors."""
    return lambda name: clients.python(request.param, "openai_responses", name)


def test_an_input_is_answered(play: Play) -> None:
    assert play("plain") == {
        "status": "completed",
        "text": "You said: hello",
        "output_tokens": 3,
    }


def test_a_streamed_response_shows_thoughts_then_text(play: Play) -> None:
    made = play("streamed")
    kinds = made.pop("kinds")
    assert isinstance(kinds, list)
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert [kind for kind in kinds if "reasoning" in kind and kind.endswith(".delta")]
    assert kinds[-1] == "response.completed"
    assert made == {"status": "completed", "text": "You said: think", "output_tokens": 6}


def test_a_tool_is_called_and_its_result_is_read(play: Play) -> None:
    assert play("tools") == {
        "name": "weather",
        "arguments": '{"city": "Paris"}',
        "text": "The tool said: 21 degrees",
    }


def test_a_streamed_tool_call_is_put_together(play: Play) -> None:
    assert play("streamed_tools") == {
        "names": ["Weather"],
        "arguments": ['{"city": "Oslo", "days": 7}'],
    }


def test_an_answer_becomes_an_object_of_a_class(play: Play) -> None:
    assert play("parsed") == {"city": "Rome", "days": 7}


def test_a_tool_may_take_plain_text(play: Play) -> None:
    assert play("custom_tool") == {
        "name": "note",
        "input": "buy milk",
        "text": "The tool said: noted",
    }


def test_a_tool_may_live_in_a_namespace(play: Play) -> None:
    assert play("namespaced_tool") == {
        "namespace": "crm",
        "name": "find",
        "text": "The tool said: nobody",
    }


def test_an_optional_tool_of_the_server_is_left_out(play: Play, engine: ScriptedEngine) -> None:
    assert play("server_tool")["text"] == "You said: hello"
    assert "tools" not in engine.heard()[0]


def test_the_tokens_of_an_input_are_counted(play: Play) -> None:
    assert play("counted") == {"object": "response.input_tokens", "is_positive": True}


def test_a_response_goes_on_from_what_was_compacted(play: Play, engine: ScriptedEngine) -> None:
    assert play("compacted") == {"last": "compaction", "text": "You said: Who am I?"}
    assert "My name is Ada." in json.dumps(engine.heard()[-1]["messages"])


def test_turns_are_taken_on_a_websocket(play: Play, engine: ScriptedEngine) -> None:
    assert play("websocket") == {"texts": ["You said: first", "You said: second"]}
    messages = engine.heard()[1]["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
