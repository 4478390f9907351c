"""An agent with a tool, through OpenAI's Agents SDK."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
# The SDK lives in the environment that this script runs in, not in the one that checks it.

from __future__ import annotations

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

from tests.clients.python.stage import JsonObject, model, perform

PROMPT = "What is the weather in `Paris`?"


def served() -> str:
    """Return the model's name; the SDK takes what stands before a slash for a maker."""
    return f"openai/{model()}"


@function_tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"21 degrees in {city}"


def responses() -> JsonObject:
    """Run an agent on the Responses API, the SDK's default."""
    agent = Agent(name="Forecaster", instructions="Be brief.", model=served(), tools=[weather])
    return {"text": Runner.run_sync(agent, PROMPT).final_output}


def chat() -> JsonObject:
    """Run it on Chat Completions."""
    chat_model = OpenAIChatCompletionsModel(model=model(), openai_client=AsyncOpenAI())
    agent = Agent(name="Forecaster", model=chat_model, tools=[weather])
    return {"text": Runner.run_sync(agent, PROMPT).final_output}


def continued() -> JsonObject:
    """Let the server keep what was said between two runs."""
    agent = Agent(name="Forecaster", model=served(), tools=[weather])
    first = Runner.run_sync(agent, PROMPT)
    second = Runner.run_sync(agent, "thanks", previous_response_id=first.last_response_id)
    return {"text": second.final_output}


def remembered() -> JsonObject:
    """Let the SDK keep what was said between two runs."""
    agent = Agent(name="Forecaster", model=served(), tools=[weather])
    session = SQLiteSession("a session")
    Runner.run_sync(agent, PROMPT, session=session)
    return {"text": Runner.run_sync(agent, "thanks", session=session).final_output}


if __name__ == "__main__":
    set_tracing_disabled(True)
    perform(responses, chat, continued, remembered)
