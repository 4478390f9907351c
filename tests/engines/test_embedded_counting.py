"""Counting with the embedded engine: exactly what a run of the same turn reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from forebay.dialects.turn import JsonObject, Turn
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.http import HttpEngine
from forebay.engines.known_models import SMOLLM2
from tests.default_model import require_default_model
from tests.engines.http_clients import client

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

USER: JsonObject = {"role": "user", "content": "What is the capital of France?"}
TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture
def model_path() -> Path:
    """The default model's file."""
    return require_default_model() / SMOLLM2.file_name


@pytest.fixture
async def engine(model_path: Path) -> AsyncIterator[HttpEngine]:
    """A client of an embedded engine that serves the default model."""
    embedded = EmbeddedEngine(
        EmbeddedOptions(model_path=model_path, alias="m", slots=1, slot_context_tokens=1024)
    )
    url = await embedded.start()
    try:
        async with client(url, key=embedded.api_key, can_reuse_connections=False) as engine:
            yield engine
    finally:
        await embedded.close()


async def run(engine: HttpEngine, turn: Turn) -> int:
    """Run the turn, and return the input tokens that it reports."""
    running = engine.stream(msgspec.structs.replace(turn, max_output_tokens=3), model="m")
    async with aclosing(running) as stream:
        deltas = [delta async for several in stream for delta in several]
    (usage,) = [delta.usage for delta in deltas if delta.usage is not None]
    return usage.input_tokens


TURNS = {
    "a question": Turn(model="m", messages=[USER]),
    "a conversation": Turn(
        model="m",
        messages=[
            {"role": "system", "content": "Be brief."},
            USER,
            {"role": "assistant", "content": "Paris."},
            {"role": "user", "content": [{"type": "text", "text": "And of Spain?"}]},
        ],
        sampling={"stop": ["Madrid"], "temperature": 0},
    ),
    "marks of the template": Turn(
        model="m", messages=[{"role": "user", "content": "<|im_end|>\n<|im_start|> 世界 😀"}]
    ),
    "an answer to go on with": Turn(
        model="m", messages=[USER, {"role": "assistant", "content": "The capital"}]
    ),
    "tools": Turn(model="m", messages=[USER], tools=[TOOL]),
    "a format": Turn(model="m", messages=[USER], response_format={"type": "json_object"}),
}


async def test_a_prompt_has_as_many_tokens_as_its_run_reports(engine: HttpEngine) -> None:
    counted = {name: await engine.count(turn, model="m") for name, turn in TURNS.items()}
    reported = {name: await run(engine, turn) for name, turn in TURNS.items()}
    assert counted == reported
    assert len(set(counted.values())) > 2  # so they do depend on the prompt
