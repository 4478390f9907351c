"""The four classes of parameters, and that every official parameter is in exactly one of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from forebay.core.errors import UnsupportedParameter
from forebay.dialects import chat, messages, responses
from forebay.dialects.parameters import Parameters, Refusal

TABLE = Parameters(
    honoured=frozenset({"model"}),
    partly={"thinking": "shows it"},
    refused={"n": Refusal(reason="one choice per call", neutral=(1,))},
    without_effect=frozenset({"user"}),
)

# These travel as headers.
HEADERS = {"betas", "user_profile_id", "workspace_id"}


def names(params: Any) -> set[str]:
    return set(get_type_hints(params)) - HEADERS


def classes_of(table: Parameters) -> Counter[str]:
    return Counter([*table.honoured, *table.partly, *table.refused, *table.without_effect])


def test_a_refused_parameter_is_named_with_its_reason() -> None:
    with pytest.raises(UnsupportedParameter, match="'n': one choice per call") as caught:
        TABLE.check({"model": "m", "n": 2})
    assert caught.value.param == "n"


@pytest.mark.parametrize("value", [None, 1])
def test_a_refused_parameter_is_let_through_where_it_changes_nothing(value: object) -> None:
    TABLE.check({"model": "m", "n": value})


def test_the_first_refused_parameter_of_the_body_is_the_one_named() -> None:
    table = Parameters(
        honoured=frozenset(), refused={"a": Refusal(reason="x"), "b": Refusal(reason="y")}
    )
    with pytest.raises(UnsupportedParameter) as caught:
        table.check({"b": 1, "a": 1})
    assert caught.value.param == "b"


def test_unknown_fields_are_those_in_no_class() -> None:
    body = {"model": "m", "n": 1, "user": "u", "thinking": {}, "top_k": 4}
    assert TABLE.unknown(body) == {"top_k": 4}


@pytest.mark.parametrize("dialect", [chat, responses, messages])
def test_no_parameter_is_in_two_classes(dialect: Any) -> None:
    assert max(classes_of(dialect.PARAMETERS).values()) == 1


@pytest.mark.parametrize(
    ("table", "official"),
    [
        (chat.PARAMETERS, completion_create_params.CompletionCreateParamsStreaming),
        (responses.PARAMETERS, response_create_params.ResponseCreateParamsStreaming),
        (messages.PARAMETERS, message_create_params.MessageCreateParamsStreaming),
        (messages.PARAMETERS, beta_message_create_params.MessageCreateParamsStreaming),
    ],
)
def test_every_official_parameter_has_its_class(table: Parameters, official: Any) -> None:
    assert names(official) - set(classes_of(table)) == set()
