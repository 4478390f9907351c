"""Completions: bodies to turns, and what is refused."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from openai.types import completion_create_params

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnsupportedParameter,
)
from forebay.dialects.completions import MAX_CHOICES, PARAMETERS, CompletionsDialect
from forebay.dialects.turn import JsonObject, TextTurn

DIALECT = CompletionsDialect()


def body(**others: object) -> JsonObject:
    return {"model": "m", "prompt": "Once", **others}


def turn_of(**others: object) -> TextTurn:
    return DIALECT.parse(body(**others))[0]


def refusal_of(**others: object) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(body(**others))
    return caught.value


def test_every_official_parameter_is_in_one_class() -> None:
    official = get_type_hints(completion_create_params.CompletionCreateParamsStreaming)
    classes = [
        *PARAMETERS.honoured,
        *PARAMETERS.partly,
        *PARAMETERS.refused,
        *PARAMETERS.without_effect,
    ]
    assert set(official) <= set(classes)
    assert len(classes) == len(set(classes))


def test_a_body_becomes_a_turn() -> None:
    turn, wishes = DIALECT.parse(
        body(
            temperature=0.5,
            seed=None,
            stop=["x"],
            suffix=" end",
            logprobs=2,
            max_tokens=9,
            n=3,
            user="u",
            stream=True,
            service_tier="flex",
            metadata={"completion_window": "standard"},
            min_p=0.1,
        )
    )
    assert turn == TextTurn(
        model="m",
        prompts=["Once"],
        sampling={"temperature": 0.5, "stop": ["x"], "suffix": " end", "logprobs": 2},
        max_output_tokens=9,
        choices=3,
        extra={"min_p": 0.1},
    )
    assert wishes.is_streamed and not wishes.is_stored
    assert wishes.service_tier == "flex"
    assert wishes.metadata == {"completion_window": "standard"}


@pytest.mark.parametrize("max_tokens", [{}, {"max_tokens": None}])
def test_sixteen_tokens_are_made_where_nothing_else_is_said(max_tokens: JsonObject) -> None:
    assert turn_of(**max_tokens).max_output_tokens == 16


@pytest.mark.parametrize(
    ("given", "prompts"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
    ],
)
def test_prompts_come_as_texts_or_as_tokens(given: object, prompts: object) -> None:
    assert turn_of(prompt=given).prompts == prompts


@pytest.mark.parametrize("given", [{"model": "m"}, {"model": "m", "prompt": None}])
def test_a_prompt_is_required(given: JsonObject) -> None:
    with pytest.raises(MissingParameter) as caught:
        DIALECT.parse(given)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (3, "prompt"),
        ([{"text": "a"}], "prompt"),
        (["a", 1], "prompt[1]"),
        ([1, "a"], "prompt[1]"),
        ([1, 2.5], "prompt[1]"),
        ([True], "prompt[0]"),
        ([[1], ["a"]], "prompt[1][0]"),
    ],
)
def test_a_prompt_of_mixed_or_other_kinds_is_refused(given: object, param: str) -> None:
    error = refusal_of(prompt=given)
    assert isinstance(error, InvalidType)
    assert error.param == param


@pytest.mark.parametrize(
    ("given", "param"), [([], "prompt"), ([[1], []], "prompt[1]"), ([-1], "prompt[0]")]
)
def test_an_array_of_nothing_or_of_no_tokens_is_refused(given: object, param: str) -> None:
    error = refusal_of(prompt=given)
    assert isinstance(error, InvalidParameter)
    assert error.param == param


def test_more_completions_than_a_call_may_ask_for_are_refused() -> None:
    prompts = ["a"] * (MAX_CHOICES // 2)
    assert turn_of(prompt=prompts, n=2).choices == 2
    assert refusal_of(prompt=[*prompts, "a"], n=2).param == "prompt"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logprobs", 6),
        ("logprobs", -1),
        ("temperature", 2.1),
        ("top_p", 1.5),
        ("n", 0),
        ("n", 129),
        ("max_tokens", -1),
        ("presence_penalty", 3),
        ("frequency_penalty", -3),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_name(field: str, value: object) -> None:
    assert refusal_of(**{field: value}).param == field


def test_no_tokens_at_all_can_only_be_wanted_with_an_echo() -> None:
    assert refusal_of(max_tokens=0).param == "max_tokens"
    assert turn_of(max_tokens=0, echo=True).max_output_tokens == 0


def test_stream_options_need_a_stream() -> None:
    assert refusal_of(stream_options={"include_usage": True}).param == "stream_options"


@pytest.mark.parametrize("others", [{"best_of": 1}, {"best_of": 3, "n": 3}, {"best_of": None}])
def test_the_best_of_as_many_as_are_returned_changes_nothing(others: JsonObject) -> None:
    assert "best_of" not in turn_of(**others).extra


@pytest.mark.parametrize("others", [{"best_of": 2}, {"best_of": 3, "n": 2}])
def test_a_choice_among_more_than_are_returned_is_refused(others: JsonObject) -> None:
    error = refusal_of(**others)
    assert isinstance(error, UnsupportedParameter)
    assert error.param == "best_of"


def test_an_empty_suffix_is_none() -> None:
    assert turn_of(suffix="").sampling == {}


def test_a_text_is_echoed_by_the_house_whatever_the_engine_does() -> None:
    assert turn_of(echo=True).sampling == {}
    assert turn_of(echo=True, prompt=["a", "b"]).sampling == {}


@pytest.mark.parametrize(
    ("others", "logprobs"),
    [({"logprobs": 2}, 2), ({"prompt": [1, 2]}, 0), ({"max_tokens": 0}, 0)],
    ids=["logprobs", "tokens", "nothing but the prompt"],
)
def test_only_an_engine_can_echo_what_takes_its_tokenizer(
    others: JsonObject, logprobs: int
) -> None:
    assert turn_of(echo=True, **others).sampling == {"echo": True, "logprobs": logprobs}


def test_no_echo_is_no_wish() -> None:
    assert turn_of(echo=False, logprobs=1).sampling == {"logprobs": 1}


def test_the_wishes_of_a_stored_body_are_those_it_was_parsed_with() -> None:
    given = body(stream=True, metadata={"a": "b"})
    assert DIALECT.wishes(given) == DIALECT.parse(given)[1]
