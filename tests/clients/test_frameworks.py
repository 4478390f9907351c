"""Frameworks that run tools in a loop, on top of the vendors' APIs."""

from __future__ import annotations

import pytest

from tests.clients.environments import Clients
from tests.clients.scripted_engine import ScriptedEngine

RESULT = "The tool said: 21 degrees in Paris"
VECTORS = [[2.0, 0.5, 0.5, 0.5], [3.0, 0.5, 0.5, 0.5]]


@pytest.mark.parametrize("play", ["responses", "chat"])
def test_an_agent_uses_its_tool(play: str, clients: Clients) -> None:
    assert clients.python("agents", "agents_sdk", play) == {"text": RESULT}


@pytest.mark.parametrize("play", ["continued", "remembered"])
def test_an_agent_goes_on_from_its_last_run(
    play: str, clients: Clients, engine: ScriptedEngine
) -> None:
    assert clients.python("agents", "agents_sdk", play) == {"text": "You said: thanks"}
    messages = engine.heard()[-1]["messages"]
    assert isinstance(messages, list)
    roles = [message["role"] for message in messages]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize(
    "play",
    ["openai_chat", "openai_chat_streamed", "openai_responses", "anthropic", "anthropic_streamed"],
)
def test_langchain_uses_a_tool(play: str, clients: Clients) -> None:
    made = clients.python("langchain", "langchain_models", play)
    assert made == {"name": "weather", "text": RESULT}


def test_langchain_embeds_texts(clients: Clients) -> None:
    assert clients.python("langchain", "langchain_models", "embeddings") == {"vectors": VECTORS}


@pytest.mark.parametrize(
    "play",
    [
        "openai_chat",
        "openai_chat_streamed",
        "openai_responses",
        "openai_responses_streamed",
        "anthropic",
        "anthropic_streamed",
    ],
)
def test_pydantic_ai_uses_a_tool(play: str, clients: Clients) -> None:
    assert clients.python("pydantic-ai", "pydantic_agents", play) == {"text": RESULT}


def test_pydantic_ai_gets_an_object_of_a_class(clients: Clients) -> None:
    made = clients.python("pydantic-ai", "pydantic_agents", "typed")
    assert made == {"city": "Paris", "degrees": 7}


@pytest.mark.parametrize(
    "play",
    [
        "responses",
        "responsesStreamed",
        "chat",
        "chatStreamed",
        "messages",
        "messagesStreamed",
    ],
)
def test_vercels_ai_sdk_uses_a_tool_in_two_steps(play: str, clients: Clients) -> None:
    assert clients.node("ai_sdk", play) == {"text": RESULT, "steps": 2}


def test_vercels_ai_sdk_gets_an_object_that_fits_a_schema(clients: Clients) -> None:
    assert clients.node("ai_sdk", "object") == {"city": "Rome", "days": 7}


def test_vercels_ai_sdk_embeds_texts(clients: Clients) -> None:
    assert clients.node("ai_sdk", "embeddings") == {"vectors": VECTORS}
