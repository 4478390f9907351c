"""The embedded engine goes on with an assistant's message that ends a turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from forebay.dialects.turn import JsonObject, Turn
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.http import HttpEngine
from forebay.engines.known_models import SMOLLM2
from tests.default_model import require_default_model
from tests.engines.http_clients import client

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

BEGUN = "One, two, three, four, five, six,"
TOLD: JsonObject = {"continue_final_message": True, "add_generation_prompt": False}


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


async def goes_on(engine: HttpEngine, extra: JsonObject) -> str:
    """Return what the engine writes after the beginning of an answer."""
    question = "Count from one to ten in words, separated by commas."
    turn = Turn(
        model="m",
        messages=[
            {"role": "user", "content": question},
            {"role": "assistant", "content": BEGUN},
        ],
        sampling={"temperature": 0},
        max_output_tokens=8,
        extra=extra,
    )
    async with aclosing(engine.stream(turn, model="m")) as stream:
        return "".join([delta.text async for several in stream for delta in several])


async def test_it_says_by_its_name_that_it_takes_a_prefill(engine: HttpEngine) -> None:
    await engine.models()
    assert engine.takes_prefill


@pytest.mark.parametrize("extra", [{}, TOLD])
async def test_the_beginning_of_an_answer_is_continued_and_not_repeated(
    engine: HttpEngine, extra: JsonObject
) -> None:
    assert (await goes_on(engine, extra)).startswith(" seven, eight")
