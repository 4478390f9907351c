"""An agent with a tool and a typed answer, through Pydantic AI on each of the three APIs."""

# mypy: disable-error-code="import-not-found, untyped-decorator"
# Pydantic AI lives in the environment that this script runs in, not in the one that checks it.

from __future__ import annotations

import asyncio

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

from tests.clients.python.stage import JsonObject, model, perform

PROMPT = "What is the weather in `Paris`?"


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"21 degrees in {city}"


def openai_chat() -> JsonObject:
    """Use Chat Completions."""
    return {"text": _agent(OpenAIChatModel(model())).run_sync(PROMPT).output}


def openai_chat_streamed() -> JsonObject:
    """Use Chat Completions, streamed."""
    return _streamed(OpenAIChatModel(model()))


def openai_responses() -> JsonObject:
    """Use Responses."""
    return {"text": _agent(OpenAIResponsesModel(model())).run_sync(PROMPT).output}


def openai_responses_streamed() -> JsonObject:
    """Use Responses, streamed."""
    return _streamed(OpenAIResponsesModel(model()))


def anthropic() -> JsonObject:
    """Use Messages."""
    return {"text": _agent(AnthropicModel(model())).run_sync(PROMPT).output}


def anthropic_streamed() -> JsonObject:
    """Use Messages, streamed."""
    return _streamed(AnthropicModel(model()))


def typed() -> JsonObject:
    """Ask for an object of a class, by the API's own means."""
    agent = Agent(OpenAIResponsesModel(model()), output_type=NativeOutput(Weather))
    output: Weather = agent.run_sync(PROMPT).output
    return output.model_dump()


def _agent(chosen: object) -> Agent:
    return Agent(chosen, tools=[weather])


def _streamed(chosen: object) -> JsonObject:
    async def text() -> str:
        async with _agent(chosen).run_stream(PROMPT) as result:
            return str(await result.get_output())

    return {"text": asyncio.run(text())}


if __name__ == "__main__":
    perform(
        openai_chat,
        openai_chat_streamed,
        openai_responses,
        openai_responses_streamed,
        anthropic,
        anthropic_streamed,
        typed,
    )
