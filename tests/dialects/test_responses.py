"""Responses: the fields of the body as a turn and wishes, and the bodies that are refused."""

from __future__ import annotations

import pytest

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
    UnsupportedParameter,
)
from forebay.dialects.turn import JsonObject
from tests.dialects.responses_calls import DIALECT, RESULT, TOOL, USER, body


def refusal_of(given: JsonObject) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(given)
    return caught.value


def test_a_plain_body_has_the_apis_defaults() -> None:
    turn, wishes = DIALECT.parse(body())
    assert (wishes.is_stored, wishes.is_background, wishes.is_streamed) == (True, False, False)
    assert (turn.sampling, turn.extra, turn.max_output_tokens) == ({}, {}, None)
    assert (turn.tools, turn.tool_choice, turn.response_format) == ([], None, None)


def test_wishes_are_read() -> None:
    _, wishes = DIALECT.parse(
        body(store=False, background=True, service_tier="flex", metadata={"a": "b"})
    )
    assert (wishes.is_stored, wishes.is_background) == (False, True)
    assert (wishes.service_tier, wishes.metadata) == ("flex", {"a": "b"})


def test_sampling_goes_to_the_engine_in_the_words_of_chat() -> None:
    turn, _ = DIALECT.parse(
        body(
            temperature=0.5,
            top_p=0.9,
            presence_penalty=0.5,
            frequency_penalty=-1,
            top_logprobs=3,
            include=["message.output_text.logprobs", "reasoning.encrypted_content"],
            reasoning={"effort": "low", "summary": "auto"},
            max_output_tokens=64,
        )
    )
    assert turn.sampling == {
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 0.5,
        "frequency_penalty": -1,
        "logprobs": True,
        "top_logprobs": 3,
        "reasoning_effort": "low",
    }
    assert turn.max_output_tokens == 64


def test_logprobs_are_not_asked_for_unless_they_are_shown() -> None:
    assert DIALECT.parse(body(top_logprobs=0))[0].sampling == {}


def test_unknown_fields_are_ignored() -> None:
    turn, _ = DIALECT.parse(body(client_metadata={"a": 1}, top_k=3, user="u"))
    assert turn.extra == {}


@pytest.mark.parametrize(
    ("given", "kind", "param"),
    [
        ({"input": "hi"}, MissingParameter, "model"),
        (body(input=4), InvalidType, "input"),
        (body(input=True), InvalidType, "input"),
        (body(input=["hi"]), InvalidType, "input[0]"),
        (body(input=[{"role": "user", "content": 4}]), InvalidType, "input[0].content"),
        (body(input=[{"role": "user"}]), MissingParameter, "input[0].content"),
        (body(input=[{"role": "boss", "content": "hi"}]), InvalidParameter, "input[0].role"),
        (
            body(input=[{"role": "user", "content": [{"type": "input_text"}]}]),
            MissingParameter,
            "input[0].content[0].text",
        ),
        (
            body(input=[{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]),
            UnsupportedParameter,
            "input[0].content[0].type",
        ),
        (
            body(input=[{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]),
            UnsupportedParameter,
            "input[0].content[0].file_id",
        ),
        (body(input=[{"type": "item_reference"}]), UnsupportedParameter, "input[0].type"),
        (body(input=[USER, RESULT]), InvalidParameter, "input"),
        (body(input=[{"type": "function_call"}]), MissingParameter, "input[0].call_id"),
        (body(instructions=["a"]), InvalidType, "instructions"),
        (body(temperature=3), InvalidParameter, "temperature"),
        (body(max_output_tokens=0), InvalidParameter, "max_output_tokens"),
        (body(top_logprobs=21), InvalidParameter, "top_logprobs"),
        (body(top_logprobs=3), InvalidParameter, "top_logprobs"),
        (body(presence_penalty=3), InvalidParameter, "presence_penalty"),
        (body(include=["everything"]), InvalidParameter, "include[0]"),
        (body(reasoning={"effort": "heroic"}), InvalidParameter, "reasoning.effort"),
        (body(metadata={"a": 1}), InvalidType, "metadata.a"),
        (body(tools=[{"type": "local_shell"}]), UnsupportedParameter, "tools[0].type"),
        (body(tools=[TOOL, {"type": "custom"}]), MissingParameter, "tools[1].name"),
        (
            body(tools=[{"type": "web_search"}], tool_choice="required"),
            InvalidParameter,
            "tool_choice",
        ),
        (body(tools=[{"type": "function"}]), MissingParameter, "tools[0].name"),
        (body(tool_choice="required"), InvalidParameter, "tool_choice"),
        (body(tools=[TOOL], tool_choice="sometimes"), InvalidType, "tool_choice"),
        (
            body(tools=[TOOL], tool_choice={"type": "function", "name": "g"}),
            InvalidParameter,
            "tool_choice",
        ),
        (
            body(tools=[TOOL], tool_choice={"type": "file_search"}),
            UnsupportedParameter,
            "tool_choice.type",
        ),
        (body(text={"format": {"type": "xml"}}), InvalidParameter, "text.format.type"),
        (
            body(text={"format": {"type": "json_schema", "schema": {}}}),
            MissingParameter,
            "text.format.name",
        ),
        (body(previous_response_id=1), InvalidType, "previous_response_id"),
        (body(conversation={"name": "x"}), MissingParameter, "conversation.id"),
        (
            body(conversation="conv_1", previous_response_id="resp_1"),
            InvalidParameter,
            "previous_response_id",
        ),
        (body(prompt={"id": "p"}), UnsupportedParameter, "prompt"),
        (body(truncation="middle"), InvalidParameter, "truncation"),
        (body(max_tool_calls=3), UnsupportedParameter, "max_tool_calls"),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(
    given: JsonObject, kind: type[RequestRejected], param: str
) -> None:
    error = refusal_of(given)
    assert type(error) is kind
    assert error.param == param


def test_truncation_may_be_said_to_be_disabled() -> None:
    DIALECT.parse(body(truncation="disabled"))


def test_a_background_response_may_be_streamed() -> None:
    _, wishes = DIALECT.parse(body(background=True, stream=True))
    assert (wishes.is_background, wishes.is_streamed) == (True, True)
