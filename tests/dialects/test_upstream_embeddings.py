"""What is said to an engine that makes embeddings, and how its answer is read."""

from __future__ import annotations

import json

import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import ContextTooLong
from forebay.core.money import Usage
from forebay.dialects.turn import EmbeddingTurn
from forebay.dialects.upstream_embeddings import encode_embedding_turn, read_embeddings


def entry(index: int, *numbers: float) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": list(numbers)}


def answer(*entries: dict[str, object], **others: object) -> bytes:
    return json.dumps({"object": "list", "data": list(entries), **others}).encode()


def test_numbers_are_asked_for_under_the_engines_name() -> None:
    turn = EmbeddingTurn(model="m", inputs=["a", "b"], extra={"truncate_prompt_tokens": 8})
    assert json.loads(encode_embedding_turn(turn, model="its-name")) == {
        "model": "its-name",
        "input": ["a", "b"],
        "encoding_format": "float",
        "truncate_prompt_tokens": 8,
    }


def test_a_wish_for_dimensions_is_passed_on() -> None:
    turn = EmbeddingTurn(model="m", inputs=[[1, 2], [3]], dimensions=64)
    body = json.loads(encode_embedding_turn(turn, model="m"))
    assert (body["input"], body["dimensions"]) == ([[1, 2], [3]], 64)


def test_what_the_engine_may_know_does_not_replace_what_we_know() -> None:
    turn = EmbeddingTurn(model="m", inputs=["a"], extra={"input": "b", "model": "c"})
    body = json.loads(encode_embedding_turn(turn, model="its-name"))
    assert (body["model"], body["input"]) == ("its-name", ["a"])


def test_vectors_are_read_in_the_order_of_the_inputs() -> None:
    delta = read_embeddings(answer(entry(1, 3, 4), entry(0, 1.5, 2)), count=2)
    assert delta.embeddings == ([1.5, 2.0], [3.0, 4.0])


def test_the_usage_is_the_prompts_tokens() -> None:
    told = answer(entry(0, 1), usage={"prompt_tokens": 7, "total_tokens": 7})
    assert read_embeddings(told, count=1).usage == Usage(input_tokens=7)


def test_an_engine_that_tells_no_usage_leaves_it_open() -> None:
    assert read_embeddings(answer(entry(0, 1)), count=1).usage is None


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(0, 1)],
        [entry(0, 1), entry(1, 2), entry(2, 3)],
        [entry(0, 1), entry(0, 2)],
        [entry(1, 1), entry(2, 2)],
    ],
)
def test_anything_but_one_vector_for_each_input_is_no_answer(
    entries: list[dict[str, object]],
) -> None:
    with pytest.raises(EngineFailed, match="for 2 inputs"):
        read_embeddings(answer(*entries), count=2)


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data":[{"index":0,"embedding":"AAAA"}]}',
        b'{"data":[{"index":0,"embedding":[[1.0]]}]}',
        b'{"data":[{"index":0,"embedding":[null]}]}',
        b'{"data":[{"embedding":[1.0]}]}',
    ],
)
def test_an_answer_of_another_shape_is_a_failure_of_the_engine(told: bytes) -> None:
    with pytest.raises(EngineFailed, match="unreadable"):
        read_embeddings(told, count=1)


def test_a_vector_without_numbers_is_no_answer() -> None:
    with pytest.raises(EngineFailed, match="without numbers"):
        read_embeddings(answer(entry(0)), count=1)


def test_a_usage_that_is_null_is_nothing() -> None:
    told = answer(entry(0, 1), usage={"prompt_tokens": None})
    assert read_embeddings(told, count=1).usage == Usage()


def test_an_error_inside_a_good_status_is_an_error() -> None:
    with pytest.raises(EngineFailed, match="out of memory"):
        read_embeddings(b'{"error":{"message":"out of memory"}}', count=1)


def test_an_error_inside_a_good_status_keeps_its_own_status() -> None:
    told = b'{"error":{"message":"maximum context length is 512 tokens","code":400}}'
    with pytest.raises(ContextTooLong):
        read_embeddings(told, count=1)
