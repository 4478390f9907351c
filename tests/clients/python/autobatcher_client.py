"""Autobatcher: calls that wait in the background, or together in a batch, as if they were plain."""

# mypy: disable-error-code="import-not-found, misc"
# It lives in the environment that this script runs in, not in the one that checks it.

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import Any

import openai
from autobatcher import AsyncOpenAI, BatchOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.clients.python.stage import JsonObject, model, perform

POLL_S = 0.1
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}

Events = list[dict[str, Any]]


def flex() -> JsonObject:
    """Make calls with its default: each is a response in the background."""

    async def play() -> JsonObject:
        async with AsyncOpenAI(**_address(), poll_interval_seconds=POLL_S) as client:
            chat, tool, response = await asyncio.gather(
                client.chat.completions.create(
                    model=model(), messages=_asked("hello"), max_tokens=9, temperature=0.5, seed=1
                ),
                client.chat.completions.create(
                    model=model(), messages=_asked("Use weather."), tools=[TOOL]
                ),
                client.responses.create(model=model(), input="hello"),
            )
            stored = await client.responses.retrieve(response.id)
        return {
            "text": chat.choices[0].message.content,
            "tokens": chat.usage.completion_tokens,
            "tool": tool.choices[0].message.tool_calls[0].function.name,
            "response": response.output_text,
            "is_in_background": stored.background,
            "tiers": [chat.service_tier, stored.service_tier],
        }

    return asyncio.run(play())


def flex_cancelled() -> JsonObject:
    """Stop waiting for a call: the client cancels the response that it made."""

    async def play() -> JsonObject:
        async with AsyncOpenAI(**_address(), poll_interval_seconds=POLL_S) as client:
            group = {"group": os.urandom(8).hex()}
            asking = asyncio.create_task(
                client.responses.create(model=model(), input="wait", metadata=group)
            )
            made = await _begun(client, group)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            return {"status": (await client.responses.retrieve(made)).status}

    return asyncio.run(play())


def batched() -> JsonObject:
    """Make calls with its other mode: those of an endpoint are a batch, embeddings always."""

    async def play() -> JsonObject:
        events: Events = []
        async with _batching(events, batch_metadata={"run": "7"}) as client:
            one, two, response, embedded = await asyncio.gather(
                client.chat.completions.create(model=model(), messages=_asked("one")),
                client.chat.completions.create(model=model(), messages=_asked("two")),
                client.responses.create(model=model(), input="three"),
                client.embeddings.create(model=model(), input=["ab", "abc"]),
            )
            submitted = [event for event in events if event["event"] == "batch_submitted"]
            batch = await client.batches.retrieve(submitted[0]["batch_id"])
        return {
            "texts": [each.choices[0].message.content for each in (one, two)],
            "response": response.output_text,
            "vectors": [each.embedding for each in embedded.data],
            "sizes": {event["endpoint"]: event["request_count"] for event in submitted},
            "metadata": batch.metadata,
        }

    return asyncio.run(play())


def partial() -> JsonObject:
    """Get the first results of a batch while it still runs, and the others as they come."""

    async def play() -> JsonObject:
        events: Events = []
        async with _batching(events, batch_size=3) as client, openai.AsyncOpenAI() as other:
            asking = _many(client, "one", "wait", "two")
            early = await asyncio.gather(asking[0], asking[2])
            batch = await client.batches.retrieve(events[0]["batch_id"])
            while not asking[1].done():  # it may not have come to be held yet
                await other.chat.completions.create(model=model(), messages=_asked("let go"))
                await asyncio.wait(asking, timeout=POLL_S)
            late = await asking[1]
        return {
            "early": [each.choices[0].message.content for each in early],
            "status": batch.status,
            "late": late.choices[0].message.content,
        }

    return asyncio.run(play())


def closed() -> JsonObject:
    """Close the client while a batch runs: it cancels the batch."""

    async def play() -> JsonObject:
        events: Events = []
        async with openai.AsyncOpenAI() as other:
            client = _batching(events, batch_size=2, cancel_active_batches_on_close=True)
            asking = _many(client, "one", "wait")
            done = await asking[0]
            await client.close()
            await asyncio.wait(asking)
            batch = await other.batches.retrieve(events[0]["batch_id"])
            while batch.status == "cancelling":
                await asyncio.sleep(POLL_S)
                batch = await other.batches.retrieve(batch.id)
        return {
            "done": done.choices[0].message.content,
            "error": type(asking[1].exception()).__name__,
            "events": Counter(event["event"] for event in events)["batch_cancelled_upstream"],
            "status": batch.status,
        }

    return asyncio.run(play())


def _address() -> dict[str, str]:
    # Given by argument: it does not look for either of them in the environment for all its calls.
    return {"base_url": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}


def _batching(events: Events, **options: Any) -> Any:
    return BatchOpenAI(
        **_address(),
        completion_window="24h",
        batch_window_seconds=POLL_S,
        poll_interval_seconds=POLL_S,
        batch_event_handler=events.append,
        **options,
    )


def _asked(prompt: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": prompt}]


def _many(client: Any, *prompts: str) -> list[asyncio.Task[Any]]:
    create = client.chat.completions.create
    calls = [create(model=model(), messages=_asked(prompt)) for prompt in prompts]
    return [asyncio.create_task(call) for call in calls]


async def _begun(client: Any, group: dict[str, str]) -> str:
    """Return the id of the group's first response once it is being made."""
    begun: list[str] = []
    while not begun:
        await asyncio.sleep(POLL_S)
        page = await client.get("/responses", cast_to=object, options={"params": group})
        begun = [each["id"] for each in page["data"] if each["status"] == "in_progress"]
    return begun[0]


if __name__ == "__main__":
    perform(flex, flex_cancelled, batched, partial, closed)
