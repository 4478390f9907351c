"""The official clients for Node."""

from __future__ import annotations

import pytest

from tests.clients.conftest import MODEL
from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine

NOT_FOUND = {"class": "NotFoundError", "status": 404, "hasRequestId": True}
NOT_LET_IN = {"class": "AuthenticationError", "status": 401, "hasRequestId": True}
BAD_REQUEST = {"class": "BadRequestError", "status": 400, "hasRequestId": True}

OPENAI = {
    "plain": {"text": "You said: hello", "outputTokens": 3},
    "streamed": {"pieces": ["You sai", "d: hell", "o"], "text": "You said: hello"},
    "tools": {"text": "The tool said: 7 days of sun in Paris"},
    "parsed": {"city": "Rome", "days": 7},
    "embedded": {"vectors": [[2, 0.5, 0.5, 0.5], [3, 0.5, 0.5, 0.5]]},
    "completed": {"text": " (continued) Once upon"},
    "models": {"listed": [MODEL], "found": MODEL},
    "unknownModel": NOT_FOUND,
    "wrongKey": NOT_LET_IN,
    "wrongType": BAD_REQUEST,
}
RESPONSES = {
    "plain": {"status": "completed", "text": "You said: hello"},
    "streamed": {"pieces": ["You sai", "d: hell", "o"], "text": "You said: hello"},
    "tools": {"arguments": '{"city": "Paris"}', "text": "The tool said: 21 degrees"},
    "parsed": {"city": "Rome", "days": 7},
    "background": {"status": "completed", "text": "You said: hello"},
    "deleted": NOT_FOUND,
    "inputItems": {"texts": ["one", "two", "three"]},
    "continued": {"isNamed": True, "text": "You said: Who am I?"},
    "conversation": {"kept": ["user", "user", "assistant"], "isDeleted": True},
    "counted": {"isPositive": True},
}
ANTHROPIC = {
    "plain": {"text": "You said: hello", "stopReason": "end_turn"},
    "streamed": {"pieces": ["You sai", "d: hell", "o"], "stopReason": "end_turn"},
    "tools": {"input": {"city": "Paris"}, "text": "The tool said: 21 degrees"},
    "toolRunner": {"text": "The tool said: 21 degrees in Rome"},
    "thought": {"kinds": ["thinking", "text"], "thoughts": "They said: think"},
    "counted": {"isPositive": True},
    "models": {"listed": [MODEL], "found": MODEL},
    "unknownModel": NOT_FOUND,
    "wrongKey": NOT_LET_IN,
    "noRoom": BAD_REQUEST,
}


@pytest.mark.parametrize("play", OPENAI)
def test_openais_client_has_its_answer(play: str, clients: Clients) -> None:
    assert clients.node("openai", play) == OPENAI[play]


@pytest.mark.parametrize("play", RESPONSES)
def test_openais_client_has_its_response(play: str, clients: Clients) -> None:
    assert clients.node("openai_responses", play) == RESPONSES[play]


@pytest.mark.parametrize("play", ANTHROPIC)
def test_anthropics_client_has_its_answer(play: str, clients: Clients) -> None:
    assert clients.node("anthropic", play) == ANTHROPIC[play]


def test_a_response_that_goes_on_brings_what_was_said(
    clients: Clients, engine: ScriptedEngine
) -> None:
    clients.node("openai_responses", "continued")
    messages = engine.heard()[-1]["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
