"""Embeddings through OpenAI's client."""

from __future__ import annotations

import openai
import pytest

from forebay.core.errors import ContextTooLong
from forebay.core.money import Usage
from forebay.dialects.turn import Delta, EmbeddingTurn, JsonObject
from tests.api.conftest import MODEL, Front
from tests.api.test_batches import ended, results, submit
from tests.fakes import ScriptedEngine, Step

VECTORS = ([0.6, 0.8, 0.0], [0.0, 0.0, 1.0])


def embeds(*vectors: list[float], tokens: int = 10) -> list[Step]:
    """Return the script of an answer with these vectors."""
    return [[Delta(embeddings=vectors, usage=Usage(input_tokens=tokens))]]


async def test_each_input_gets_its_vector(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(embeds(*VECTORS))
    answer = await front.openai.embeddings.create(
        model=MODEL, input=["one", "two"], encoding_format="float"
    )
    assert answer.model == MODEL
    assert [(entry.index, entry.embedding) for entry in answer.data] == list(enumerate(VECTORS))
    assert engine.turns == [EmbeddingTurn(model=MODEL, inputs=["one", "two"])]
    assert engine.models_used == ["tiny"]


async def test_the_sdks_own_default_which_is_base64_gives_the_same_vectors(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(embeds(*VECTORS))
    # Its strict mode does not know base64, which it unpacks only after its check.
    lenient = front.openai.copy(_extra_kwargs={"_strict_response_validation": False})
    answer = await lenient.embeddings.create(model=MODEL, input=["one", "two"])
    found = [list(entry.embedding) for entry in answer.data]
    assert found == [pytest.approx(vector, rel=1e-6) for vector in VECTORS]


async def test_an_answer_holds_usage_window_and_cost(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(embeds([1.0]))
    answer = await front.openai.embeddings.create(
        model="small", input="hi", encoding_format="float"
    )
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (10, 10)
    assert answer.model_dump()["forebay"] == {
        "window": "asap",
        "cost": {"amount": "0.00001", "currency": "USD"},
    }


async def test_metadata_chooses_the_window(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(embeds([1.0]))
    answer = await front.openai.embeddings.create(
        model=MODEL,
        input="hi",
        encoding_format="float",
        extra_body={"metadata": {"completion_window": "standard"}},
    )
    assert answer.model_dump()["forebay"]["window"] == "standard"


async def test_the_header_chooses_the_window(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(embeds([1.0]))
    answer = await front.openai.embeddings.create(
        model=MODEL,
        input="hi",
        encoding_format="float",
        extra_headers={"X-Completion-Window": "standard"},
    )
    assert answer.model_dump()["forebay"]["window"] == "standard"


async def test_vectors_are_cut_to_the_dimensions_that_an_engine_ignored(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(embeds([0.0, 3.0, 4.0]))
    answer = await front.openai.embeddings.create(
        model=MODEL, input="hi", encoding_format="float", dimensions=2
    )
    assert engine.turns[0].dimensions == 2
    assert answer.data[0].embedding == [0.0, 1.0]


async def test_more_dimensions_than_there_are_cost_nothing(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(embeds([1.0]))
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.embeddings.create(model=MODEL, input="hi", dimensions=2)
    assert caught.value.param == "dimensions"


async def test_an_input_that_is_too_long_is_refused_as_such(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([ContextTooLong("This model's maximum context length is 512 tokens.")])
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.embeddings.create(model=MODEL, input="long")
    assert caught.value.code == "context_length_exceeded"


async def test_an_empty_input_never_reaches_an_engine(front: Front, engine: ScriptedEngine) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await front.openai.embeddings.create(model=MODEL, input="")
    assert (caught.value.param, engine.turns) == ("input", [])


async def test_a_batch_may_be_made_of_embeddings(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {"one": embeds([1.0, 0.0]), "two": embeds([0.0, 1.0])}
    lines: list[JsonObject] = [
        {
            "custom_id": text,
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": MODEL, "input": text},
        }
        for text in ("one", "two")
    ]
    done = await ended(front, await submit(front, *lines, endpoint="/v1/embeddings"))
    assert (done.status, done.endpoint) == ("completed", "/v1/embeddings")
    assert done.usage is not None and done.usage.total_tokens == 20
    found = await results(front, done.output_file_id)
    vectors = {
        custom_id: result["response"]["body"]["data"][0]["embedding"]
        for custom_id, result in found.items()
    }
    assert vectors == {"one": [1.0, 0.0], "two": [0.0, 1.0]}
