"""The embedded embedding model against what its authors' own code makes of the same texts."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from forebay.core.errors import ContextTooLong, PromptRejected
from forebay.dialects.answer import Answer
from forebay.dialects.turn import EmbeddingTurn
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.engines.known_models import MINILM
from tests.default_model import require_embedding_model
from tests.engines.minilm_reference import reference_vectors

pytestmark = pytest.mark.timeout(180)  # the first one may have to fetch the weights

# [CLS] this is an example sentence [SEP]
EXAMPLE_TOKENS = [101, 2023, 2003, 2019, 2742, 6251, 102]
EXAMPLE = "This is an example sentence"


@pytest.fixture(scope="module")
def model_path() -> Path:
    """The model's file."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    return require_embedding_model() / MINILM.file_name


@pytest.fixture
async def engine(model_path: Path) -> AsyncIterator[HttpEngine]:
    """A client of a child that makes embeddings."""
    child = EmbeddedEngine(
        EmbeddedOptions(
            model_path=model_path,
            alias=MINILM.name,
            slots=2,
            slot_context_tokens=MINILM.context_tokens,
            makes_embeddings=True,
        )
    )
    url = await child.start()
    client = HttpEngine(HttpEngineOptions(url=url, key=child.api_key, can_reuse_connections=False))
    yield client
    await client.close()
    await child.close()


async def embedded(engine: HttpEngine, inputs: list[str] | list[list[int]]) -> Answer:
    answer = Answer()
    turn = EmbeddingTurn(model=MINILM.name, inputs=inputs)
    async with aclosing(engine.stream(turn, model=MINILM.name)) as running:
        async for deltas in running:
            for delta in deltas:
                answer.add(delta)
    return answer


def cosine(one: list[float], other: list[float]) -> float:
    assert len(one) == len(other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)


async def test_the_vectors_are_those_of_the_models_authors(engine: HttpEngine) -> None:
    expected = reference_vectors()
    answer = await embedded(engine, list(expected))
    for text, vector in zip(expected, answer.embeddings, strict=True):
        assert cosine(vector, expected[text]) > 0.9999, text
        assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)


async def test_tokens_give_the_vector_of_their_text(engine: HttpEngine) -> None:
    answer = await embedded(engine, [EXAMPLE_TOKENS])
    assert cosine(answer.embeddings[0], reference_vectors()[EXAMPLE]) > 0.9999
    assert answer.usage is not None and answer.usage.input_tokens == len(EXAMPLE_TOKENS)


async def test_an_input_of_the_whole_context_is_taken(engine: HttpEngine) -> None:
    answer = await embedded(engine, ["word " * (MINILM.context_tokens - 2)])
    assert answer.usage is not None
    assert answer.usage.input_tokens == MINILM.context_tokens


async def test_an_input_of_one_token_more_is_refused_as_too_long(engine: HttpEngine) -> None:
    with pytest.raises(ContextTooLong, match="512 tokens, however an input has 513 tokens"):
        await embedded(engine, ["short", "word " * (MINILM.context_tokens - 1)])


async def test_tokens_that_do_not_exist_are_the_callers_fault(engine: HttpEngine) -> None:
    with pytest.raises(PromptRejected):
        await embedded(engine, [[30_522]])
