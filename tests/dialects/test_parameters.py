"""The four classes of parameters, and that every official parameter is in exactly one of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_count_tokens_params as beta_message_count_tokens_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import (
    input_token_count_params,
    response_compact_params,
    response_create_params,
)

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.parameters import Parameters, Refusal
from tests.dialects.apis import APIS
from tests.dialects.honoured import Api, sent

TABLE = Parameters(
    honoured=frozenset({"model"}),
    partly={"thinking": "shows it"},
    refused={"n": Refusal(reason="one choice per call", neutral=(1,))},
    without_effect=frozenset({"user"}),
)

# What the official SDKs let callers send, by the path that it is sent to.
OFFICIAL: dict[str, tuple[Any, ...]] = {
    "/v1/chat/completions": (chat_create_params.CompletionCreateParamsStreaming,),
    "/v1/responses": (response_create_params.ResponseCreateParamsStreaming,),
    "/v1/responses/compact": (response_compact_params.ResponseCompactParams,),
    "/v1/responses/input_tokens": (input_token_count_params.InputTokenCountParams,),
    "/v1/messages": (
        message_create_params.MessageCreateParamsStreaming,
        beta_message_create_params.MessageCreateParamsStreaming,
    ),
    "/v1/messages/count_tokens": (
        message_count_tokens_params.MessageCountTokensParams,
        beta_message_count_tokens_params.MessageCountTokensParams,
    ),
    "/v1/completions": (completion_create_params.CompletionCreateParamsStreaming,),
    "/v1/embeddings": (embedding_create_params.EmbeddingCreateParams,),
}

# These travel as headers.
HEADERS = {"betas", "user_profile_id", "workspace_id"}

# What the SDKs do not send, or no more, and why it is in a table all the same.
EXTRAS: dict[str, set[str]] = {
    # Open Responses has them.
    "/v1/responses": {"frequency_penalty", "presence_penalty"},
    # Earlier versions of the API have them, and open models need the first three.
    "/v1/messages": {"temperature", "top_k", "top_p", "output_format"},
    "/v1/messages/count_tokens": {"output_format"},
    # The windows of this server are named by them.
    "/v1/completions": {"metadata", "service_tier"},
    # `stream` would be passed on as unknown, and change the answer.
    "/v1/embeddings": {"metadata", "stream"},
}


def official(path: str) -> set[str]:
    return {name for params in OFFICIAL[path] for name in get_type_hints(params)} - HEADERS


def classes_of(table: Parameters) -> Counter[str]:
    return Counter([*table.honoured, *table.partly, *table.refused, *table.without_effect])


def test_a_refused_parameter_is_named_with_its_reason() -> None:
    with pytest.raises(UnsupportedParameter, match="'n': one choice per call") as caught:
        TABLE.check({"model": "m", "n": 2})
    assert caught.value.param == "n"


def test_a_value_that_only_looks_neutral_is_refused() -> None:
    for value in (True, 1.0, "1"):
        with pytest.raises(UnsupportedParameter):
            TABLE.check({"n": value})


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


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_every_official_parameter_is_in_exactly_one_class(api: Api) -> None:
    classes = classes_of(api.parameters)
    assert {name: classes[name] for name in official(api.path)} == dict.fromkeys(
        official(api.path), 1
    )
    assert max(classes.values()) == 1


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.path)
def test_no_parameter_of_ours_is_unknown_to_its_vendor_but_the_declared(api: Api) -> None:
    unknown = set(classes_of(api.parameters)) - official(api.path)
    assert unknown == EXTRAS.get(api.path, set())


@pytest.mark.parametrize(
    ("api", "name"),
    [
        pytest.param(api, name, id=f"{api.path}-{name}")
        for api in APIS
        for name in sorted(api.parameters.refused)
    ],
)
def test_a_refused_parameter_is_refused_by_its_api(api: Api, name: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        api.dialect.parse(api.as_parsed({**api.body, name: "anything"}))
    assert refused.value.param == name


@pytest.mark.parametrize(
    ("api", "name"),
    [
        pytest.param(api, name, id=f"{api.path}-{name}")
        for api in APIS
        for name in sorted(api.parameters.without_effect)
    ],
)
def test_the_engine_is_sent_the_same_with_a_parameter_without_effect(api: Api, name: str) -> None:
    having, lacking = (api.as_parsed({**api.body, **more}) for more in ({name: "auto"}, {}))
    assert sent()(api.dialect, having) == sent()(api.dialect, lacking)
