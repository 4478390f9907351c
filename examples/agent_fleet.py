"""Agents with a tool, through OpenAI's Agents SDK, whose turns run in the background.

    pip install openai-agents
    export OPENAI_API_KEY=fb-...
    python examples/agent_fleet.py --model openai/gpt-oss-120b

The SDK is not told: its client makes each turn of `Runner.run` with `background=True` and waits
for its end. A turn is on the server's disk before it runs, waits there for its place, and outlives
connections and restarts of the server; the loop around the turns, and its tools, live in this
process. Each turn continues the one before by its id, so the history is not sent again.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.resources.responses import AsyncResponses
from openai.types.responses import Response

WAIT_S = 30  # of one call that waits; it is made again as often as is needed
RETRIES = 10  # of one call: the client's growing pauses outlast a restart of the server
RIVERS = ("Rhine", "Danube", "Elbe", "Rhone", "Po", "Ebro", "Loire", "Tagus")
GAUGES = {river: 100 + 7 * number for number, river in enumerate(RIVERS)}


class BackgroundResponses(AsyncResponses):
    """Responses that run in the background although their caller waits for them."""

    async def create(  # type: ignore[override]
        self, *, extra_headers: Mapping[str, str] | None = None, **call: Any
    ) -> Response:
        """Make a response and return it once it has ended."""
        # A call that is sent again, because its answer was lost, makes no second response.
        headers = {"Idempotency-Key": secrets.token_hex(16), **(extra_headers or {})}
        response = await super().create(background=True, extra_headers=headers, **call)
        while response.status in ("queued", "in_progress"):
            response = await self.retrieve(response.id, extra_query={"wait": WAIT_S})
        return response


class BackgroundOpenAI(AsyncOpenAI):
    """OpenAI's client with responses that run in the background."""

    @cached_property
    def responses(self) -> AsyncResponses:
        """Make and look at responses."""
        return BackgroundResponses(self)


@function_tool
async def water_level(river: str) -> str:
    """Tell how high the water of a river is at its gauge."""
    if river not in GAUGES:
        return f"No gauge is known for {river}."
    return f"The {river} stands at {GAUGES[river]} cm."


async def ask(client: AsyncOpenAI, args: argparse.Namespace, number: int) -> None:
    """Let one agent answer two questions, the second on top of the first."""
    river = RIVERS[number % len(RIVERS)]
    metadata = {"group": args.group, "session": f"{args.group}-{number}"}
    if args.window:
        metadata["completion_window"] = args.window
    agent = Agent(
        name=f"Watcher of the {river}",
        instructions="Answer in one short sentence. Ask your tool, do not guess.",
        model=OpenAIResponsesModel(args.model, client),
        model_settings=ModelSettings(metadata=metadata),
        tools=[water_level],
    )
    question = f"How high is the water of the river `{river}`? Use water_level."
    report = await Runner.run(agent, question, auto_previous_response_id=True)
    print(f"{river}: {report.final_output}", flush=True)
    advice = await Runner.run(
        agent, "May a barge pass?", previous_response_id=report.last_response_id
    )
    print(f"{river}: {advice.final_output}", flush=True)


async def main() -> None:
    """Read the command line and run the fleet."""
    parser = argparse.ArgumentParser(description="Run agents in the background.")
    parser.add_argument("--base-url", default="http://127.0.0.1:8088/v1")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--agents", type=int, default=len(RIVERS))
    parser.add_argument("--window", help="the completion window; the model's default if left out")
    parser.add_argument("--group", default=f"fleet-{secrets.token_hex(4)}")
    args = parser.parse_args()
    set_tracing_disabled(True)  # the SDK would send its traces to OpenAI
    async with BackgroundOpenAI(base_url=args.base_url, max_retries=RETRIES) as client:
        await asyncio.gather(*(ask(client, args, number) for number in range(args.agents)))
    print(f"{args.agents} agents have ended; their turns are in the group {args.group}.")


if __name__ == "__main__":
    asyncio.run(main())
