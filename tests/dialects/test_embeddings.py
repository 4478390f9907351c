"""Embeddings, as the official SDK sees them."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from forebay.core.engine_errors import EngineBusy
from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnsupportedParameter,
)
from forebay.core.money import Usage
from forebay.dialects.dialect import Wishes
from forebay.dialects.embeddings import MAX_ENTRIES, EmbeddingsDialect
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import call_of, outcome_of
from tests.dialects.sdks import openai_reading

DIALECT = EmbeddingsDialect()
VECTORS = ([0.6, 0.8, 0.0], [0.0, 0.6, 0.8])
DELTA = Delta(embeddings=VECTORS, usage=Usage(input_tokens=9))


def body(**others: object) -> JsonObject:
    return {"model": "m", "input": ["a", "b"], **others}


def final(given: JsonObject | None = None, delta: Delta = DELTA, **others: Any) -> JsonObject:
    return DIALECT.final(call_of(DIALECT, given or body()), outcome_of([delta], **others))


def read(answer: JsonObject) -> CreateEmbeddingResponse:
    with openai_reading(answer) as client:
        return client.embeddings.create(model="m", input=["a", "b"], encoding_format="float")


def numbers(given: JsonObject, delta: Delta = DELTA) -> list[list[float]]:
    return [entry.embedding for entry in read(final(given, delta)).data]


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("text", ["text"]),
        (["one", "two"], ["one", "two"]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        (" ", [" "]),
    ],
)
def test_every_kind_of_input_becomes_a_list_of_inputs(given: object, inputs: object) -> None:
    turn, _ = DIALECT.parse(body(input=given))
    assert turn.inputs == inputs


def test_the_turn_holds_the_model_the_dimensions_and_what_only_the_engine_knows() -> None:
    turn, _ = DIALECT.parse(body(dimensions=2, user="u", encoding_format="base64", priority=3))
    assert (turn.model, turn.dimensions, turn.extra) == ("m", 2, {"priority": 3})


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        ("", "input", "input cannot be an empty string"),
        (["a", ""], "input[1]", "input cannot be an empty string"),
        ([], "input", "empty array"),
        ([[1], []], "input[1]", "empty array"),
        (["a"] * (MAX_ENTRIES + 1), "input", "maximum length 2048"),
        ([1] * (MAX_ENTRIES + 1), "input", "maximum length 2048"),
        ([-1], "input[0]", "Invalid value"),
    ],
)
def test_an_input_out_of_bounds_is_refused_in_openais_words(
    given: object, param: str, words: str
) -> None:
    with pytest.raises(InvalidParameter, match=words) as caught:
        DIALECT.parse(body(input=given))
    assert caught.value.param == param


def test_as_many_entries_as_openai_takes_are_taken() -> None:
    turn, _ = DIALECT.parse(body(input=["a"] * MAX_ENTRIES))
    assert len(turn.inputs) == MAX_ENTRIES


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (7, "input"),
        ({"text": "a"}, "input"),
        ([{"text": "a"}], "input"),
        ([None], "input"),
        ([True], "input[0]"),
        (["a", 1], "input[1]"),
        ([1, "a"], "input[1]"),
        ([[1], ["a"]], "input[1][0]"),
        ([[1], 2], "input[1]"),
    ],
)
def test_an_input_of_another_type_is_named(given: object, param: str) -> None:
    with pytest.raises(InvalidType) as caught:
        DIALECT.parse(body(input=given))
    assert caught.value.param == param


@pytest.mark.parametrize("missing", ["model", "input"])
def test_what_is_missing_is_named(missing: str) -> None:
    given = body()
    del given[missing]
    with pytest.raises(MissingParameter) as caught:
        DIALECT.parse(given)
    assert caught.value.param == missing


@pytest.mark.parametrize(
    ("name", "value"), [("encoding_format", "int8"), ("dimensions", 0), ("dimensions", "64")]
)
def test_a_value_that_cannot_be_is_named(name: str, value: object) -> None:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(body(**{name: value}))
    assert caught.value.param == name


def test_a_wish_to_stream_is_refused() -> None:
    with pytest.raises(UnsupportedParameter, match="not streamed"):
        DIALECT.parse(body(stream=True))
    assert DIALECT.parse(body(stream=False))[1] == Wishes()


def test_metadata_may_name_the_window() -> None:
    given = body(metadata={"completion_window": "standard"})
    assert DIALECT.parse(given)[1] == Wishes(metadata={"completion_window": "standard"})
    assert DIALECT.wishes(given) == DIALECT.parse(given)[1]


def test_the_official_sdk_reads_the_answer() -> None:
    answer = read(final())
    assert (answer.object, answer.model) == ("list", "m")
    assert [(entry.object, entry.index) for entry in answer.data] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (9, 9)


def test_numbers_come_as_the_engine_gave_them() -> None:
    assert numbers(body(encoding_format="float")) == list(VECTORS)


def test_base64_holds_little_endian_32_bit_numbers() -> None:
    answer: Any = final(body(encoding_format="base64"))
    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert packed == struct.pack("<3f", *VECTORS[0])


def test_vectors_longer_than_asked_are_cut_and_made_of_length_one_again() -> None:
    first, second = numbers(body(dimensions=2))
    assert first == [0.6, 0.8]
    assert second == [0.0, 1.0]
    assert math.hypot(*first) == pytest.approx(1.0)


def test_vectors_of_the_asked_length_are_left_alone() -> None:
    assert numbers(body(dimensions=3), Delta(embeddings=([3.0, 4.0, 0.0],))) == [[3.0, 4.0, 0.0]]


def test_a_vector_of_nothing_but_zeros_stays_one() -> None:
    assert numbers(body(dimensions=1), Delta(embeddings=([0.0, 1.0],))) == [[0.0]]


def test_more_dimensions_than_the_model_has_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="3 dimensions, fewer than 4") as caught:
        final(body(dimensions=4))
    assert caught.value.param == "dimensions"


def test_what_is_forebays_own_goes_under_its_key() -> None:
    assert final(extension={"window": "asap"})["forebay"] == {"window": "asap"}
    assert "forebay" not in final()


def test_an_error_is_said_in_openais_words() -> None:
    reply = DIALECT.error(EngineBusy("busy"), request_id="req_1")
    assert (reply.status, reply.body["error"]) == (
        503,
        {"message": "busy", "type": "server_error", "param": None, "code": "engine_overloaded"},
    )


def test_embeddings_have_no_writer() -> None:
    with pytest.raises(AssertionError):
        DIALECT.writer(call_of(DIALECT, body()))
