"""Responses: the body as a turn, and the response object as the strictest client reads it."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response

from forebay.core.errors import (
    EngineFailed,
    Expired,
    ForebayError,
    InvalidParameter,
    InvalidType,
    MissingParameter,
    Overloaded,
    PromptRejected,
    RequestRejected,
    UnsupportedParameter,
)
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, JsonObject
from forebay.dialects.wire import encode
from tests.dialects.calls import (
    ID_BODY,
    call_of,
    finish,
    outcome_of,
    reasoning,
    text,
    tool_call,
)
from tests.dialects.sdks import openai_reading

DIALECT = ResponsesDialect()
TOOL: JsonObject = {"type": "function", "name": "f"}
CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}
CALL: JsonObject = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
RESULT: JsonObject = {"type": "function_call_output", "call_id": "c1", "output": "42"}
USER: JsonObject = {"role": "user", "content": "hi"}

# What Open Responses wants present and not null.
NEVER_NULL = [
    "id",
    "object",
    "created_at",
    "status",
    "model",
    "output",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "store",
    "background",
    "service_tier",
    "metadata",
]
NULLABLE = [
    "completed_at",
    "incomplete_details",
    "previous_response_id",
    "instructions",
    "error",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
]


def body(**others: object) -> JsonObject:
    return {"model": "m", "input": "hi", **others}


def messages(given: object, **others: object) -> list[JsonObject]:
    return DIALECT.parse(body(input=given, **others))[0].messages


def final(outcome: Outcome, given: JsonObject | None = None) -> dict[str, Any]:
    return DIALECT.final(call_of(DIALECT, given or body()), outcome)


def read(outcome: Outcome, given: JsonObject | None = None) -> Response:
    with openai_reading(final(outcome, given)) as client:
        return client.responses.create(model="m", input="hi")


def refusal_of(given: JsonObject) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        DIALECT.parse(given)
    return caught.value


def test_a_string_is_what_the_user_says() -> None:
    assert messages("hi") == [USER]


def test_instructions_come_first() -> None:
    assert messages("hi", instructions="be brief") == [
        {"role": "system", "content": "be brief"},
        USER,
    ]


def test_instructions_alone_are_enough() -> None:
    turn, _ = DIALECT.parse({"model": "m", "instructions": "tell a joke", "input": None})
    assert turn.messages == [{"role": "system", "content": "tell a joke"}]


def test_leading_instructions_become_one_system_message() -> None:
    given = [{"role": "developer", "content": "in French"}, USER]
    assert messages(given, instructions="be brief") == [
        {"role": "system", "content": "be brief\n\nin French"},
        USER,
    ]


def test_later_instructions_stay_where_they_are() -> None:
    given = [USER, {"role": "developer", "content": "in French"}]
    assert messages(given) == [USER, {"role": "system", "content": "in French"}]


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi"},
        {"type": "message", "role": "user", "content": "hi"},
        {"type": None, "role": "user", "content": "hi"},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "id": "msg_1"},
    ],
)
def test_a_message_may_be_written_in_every_short_form(item: JsonObject) -> None:
    assert messages([item]) == [USER]


@pytest.mark.parametrize("content", ["", [], [{"type": "input_text", "text": ""}]])
def test_an_empty_message_is_a_message(content: object) -> None:
    assert messages([{"role": "user", "content": content}]) == [{"role": "user", "content": ""}]


@pytest.mark.parametrize("detail", [{}, {"detail": None}])
def test_an_image_needs_no_detail(detail: JsonObject) -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA==", **detail}
    parts = [{"type": "input_text", "text": "what?"}, image]
    assert messages([{"role": "user", "content": parts}]) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        }
    ]


def test_the_detail_of_an_image_is_passed_on() -> None:
    image = {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}
    content = messages([{"role": "user", "content": [image]}])[0]["content"]
    assert content == [
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}
    ]


def test_an_answers_parts_become_one_text() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    given = [USER, {"role": "assistant", "content": parts}]
    assert messages(given)[1] == {"role": "assistant", "content": "ab"}


def test_reasoning_text_and_calls_become_one_assistant_message() -> None:
    given = [
        USER,
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "r"}]},
        {"role": "assistant", "content": "let me see"},
        CALL,
        CALL | {"call_id": "c2"},
        RESULT,
        RESULT | {"call_id": "c2", "output": [{"type": "input_text", "text": "43"}]},
    ]
    function = {"name": "f", "arguments": "{}"}
    assert messages(given)[1:] == [
        {
            "role": "assistant",
            "content": "let me see",
            "reasoning_content": "r",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": function},
                {"id": "c2", "type": "function", "function": function},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_call_id": "c2", "content": "43"},
    ]


def test_a_call_without_a_message_makes_its_own() -> None:
    calling = messages([USER, CALL, RESULT])[1]
    assert calling["content"] is None
    assert "reasoning_content" not in calling


def test_reasoning_that_we_cannot_read_is_dropped() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    given = [USER, item, {"role": "assistant", "content": "a"}]
    assert messages(given)[1] == {"role": "assistant", "content": "a"}


def test_reasoning_that_leads_to_nothing_is_dropped() -> None:
    item = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "r"}]}
    given = [item, USER, {"role": "assistant", "content": "a"}]
    assert messages(given)[1] == {"role": "assistant", "content": "a"}


def test_the_items_of_an_answer_are_good_input() -> None:
    deltas = [*reasoning("r"), *text("a"), *tool_call(0, "c1", "f", "{}"), *finish("tool_calls")]
    output = final(outcome_of(deltas))["output"]
    assert messages([USER, *output, RESULT])[1:] == [
        {
            "role": "assistant",
            "content": "a",
            "reasoning_content": "r",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]


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


def test_a_function_needs_neither_strict_nor_parameters() -> None:
    assert DIALECT.parse(body(tools=[TOOL]))[0].tools == [CHAT_TOOL]


def test_a_function_keeps_all_that_it_has() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = TOOL | {"description": "d", "parameters": schema, "strict": True}
    assert DIALECT.parse(body(tools=[tool]))[0].tools == [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
        }
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (None, None),
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_tool_choice_is_said_in_the_words_of_chat(choice: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert turn.tool_choice == said


def test_a_model_sees_only_the_tools_that_are_allowed() -> None:
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    turn, _ = DIALECT.parse(body(tools=[TOOL, TOOL | {"name": "g"}], tool_choice=allowed))
    assert (turn.tools, turn.tool_choice) == ([CHAT_TOOL], "required")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        ),
    ],
)
def test_an_output_format_is_said_in_the_words_of_chat(shape: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(text={"format": shape, "verbosity": "low"}))
    assert turn.response_format == said


@pytest.mark.parametrize(
    ("given", "kind", "param"),
    [
        ({"input": "hi"}, MissingParameter, "model"),
        ({"model": "m"}, MissingParameter, "input"),
        (body(input=None), MissingParameter, "input"),
        (body(input=[]), MissingParameter, "input"),
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
        (body(tools=[{"type": "web_search"}]), UnsupportedParameter, "tools[0].type"),
        (body(tools=[TOOL, {"type": "custom"}]), UnsupportedParameter, "tools[1].type"),
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
        (body(previous_response_id="resp_1"), UnsupportedParameter, "previous_response_id"),
        (body(conversation="conv_1"), UnsupportedParameter, "conversation"),
        (body(prompt={"id": "p"}), UnsupportedParameter, "prompt"),
        (body(truncation="auto"), UnsupportedParameter, "truncation"),
        (body(max_tool_calls=3), UnsupportedParameter, "max_tool_calls"),
        (body(background=True, stream=True), UnsupportedParameter, "stream"),
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


@pytest.mark.parametrize("status", list(RequestStatus))
def test_the_object_has_every_field_in_every_status(status: RequestStatus) -> None:
    error = EngineFailed("broken") if status is RequestStatus.FAILED else None
    response = final(outcome_of([*text("a"), *finish()], status, error=error))
    assert set(NEVER_NULL + NULLABLE) <= set(response)
    assert [name for name in NEVER_NULL if response[name] is None] == []
    assert response["status"] == status.value
    Response.model_validate(response, strict=True)


def test_the_sdk_reads_a_completed_response() -> None:
    response = read(outcome_of([*text("Hel", "lo"), *finish()]))
    assert response.id == f"resp_{ID_BODY}"
    assert response.output_text == "Hello"
    assert (response.created_at, response.completed_at) == (1_760_000_000, 1_760_000_009)
    assert response.usage is not None
    assert response.usage.model_dump(exclude_none=True) == {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 32,
    }


def test_items_come_in_the_order_of_the_output() -> None:
    deltas = [
        *reasoning("r"),
        *text("a"),
        *tool_call(0, "c1", "f", "{}"),
        *tool_call(1, None, "g", "{}"),
        *finish("tool_calls"),
    ]
    output = read(outcome_of(deltas)).output
    assert [item.type for item in output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert [item.id for item in output] == [
        f"rs_{ID_BODY}0",
        f"msg_{ID_BODY}1",
        f"fc_{ID_BODY}2",
        f"fc_{ID_BODY}3",
    ]


def test_a_call_without_an_id_of_the_engine_gets_one() -> None:
    item = final(outcome_of(tool_call(0, None, "f", "{}")))["output"][0]
    assert item["call_id"] == f"call_{ID_BODY}0"


def test_a_response_renders_to_the_same_bytes_every_time() -> None:
    outcome = outcome_of([*reasoning("r"), *text("a"), *finish()])
    assert encode(final(outcome)) == encode(final(outcome))


def test_a_refusal_is_a_part_of_its_own() -> None:
    message = final(outcome_of([*text("a"), Delta(refusal="no")]))["output"][0]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_the_bytes_of_logprobs_are_filled_in() -> None:
    top = {"token": "b", "logprob": -2.0, "bytes": None}
    token = {"token": "\u00fc", "logprob": -1.0, "bytes": None, "top_logprobs": [top]}
    message = read(outcome_of([Delta(text="\u00fc", logprobs=(token,))])).output[0]
    assert message.type == "message"
    assert message.content[0].type == "output_text"
    assert message.content[0].logprobs is not None
    assert message.content[0].logprobs[0].bytes == [0xC3, 0xBC]
    assert message.content[0].logprobs[0].top_logprobs[0].bytes == [98]


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_incomplete_response_says_why_and_its_last_item_is_incomplete(
    finish_reason: str, reason: str
) -> None:
    deltas = [*reasoning("r"), *text("a"), *finish(finish_reason)]
    response = final(outcome_of(deltas, RequestStatus.INCOMPLETE))
    assert response["incomplete_details"] == {"reason": reason}
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["completed_at"] is None
    assert response["usage"]["output_tokens"] == 12


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.CANCELLED])
def test_waiting_and_cancelled_responses_have_no_output(status: RequestStatus) -> None:
    response = final(outcome_of(text("a"), status))
    assert response["output"] == []
    assert response["completed_at"] is None


def test_usage_is_null_while_a_response_runs() -> None:
    assert final(Outcome(status=RequestStatus.QUEUED))["usage"] is None
    assert final(Outcome(status=RequestStatus.IN_PROGRESS))["usage"] is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineFailed("broken"), "server_error"),
        (Overloaded("full"), "rate_limit_exceeded"),
        (PromptRejected("bad image"), "invalid_prompt"),
    ],
)
def test_a_failed_response_has_one_of_the_vendors_codes(error: ForebayError, code: str) -> None:
    response = read(Outcome(status=RequestStatus.FAILED, error=error))
    assert response.error is not None
    assert (response.error.code, response.error.message) == (code, str(error))


def test_an_expired_response_says_so_in_forebays_own_code() -> None:
    response = final(Outcome(status=RequestStatus.FAILED, error=Expired("late")))
    assert response["error"] == {"code": "expired", "message": "late"}


def test_what_was_asked_is_echoed() -> None:
    given = body(
        instructions="be brief",
        tools=[TOOL],
        tool_choice="auto",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=64,
        parallel_tool_calls=False,
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
        prompt_cache_key="k",
        safety_identifier="s",
        store=False,
        metadata={"a": "b"},
    )
    response = final(outcome_of(text("a")), given)
    assert response["instructions"] == "be brief"
    assert response["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": None,
            "parameters": None,
            "strict": None,
        }
    ]
    assert (response["temperature"], response["top_p"]) == (0.5, 0.9)
    assert (response["max_output_tokens"], response["parallel_tool_calls"]) == (64, False)
    assert response["reasoning"] == {"effort": "low", "summary": None}
    assert response["text"]["format"]["name"] == "n"
    assert response["text"]["verbosity"] == "low"
    assert (response["prompt_cache_key"], response["safety_identifier"]) == ("k", "s")
    assert (response["store"], response["metadata"]) == (False, {"a": "b"})
    read(outcome_of(text("a")), given)


def test_the_token_of_a_webhook_is_never_shown() -> None:
    given = body(metadata={"webhook_token": "secret", "completion_webhook": "https://x/y"})
    response = final(outcome_of(text("a")), given)
    assert response["metadata"] == {"completion_webhook": "https://x/y"}
    assert b"secret" not in encode(response)


def test_our_own_fields_are_under_one_key_and_absent_where_empty() -> None:
    assert "forebay" not in final(outcome_of(text("a")))
    shown = final(outcome_of(text("a"), extension={"window": "asap"}))
    assert shown["forebay"] == {"window": "asap"}


def test_penalties_are_echoed() -> None:
    call = call_of(DIALECT, body(presence_penalty=0.5, frequency_penalty=-1))
    shown = DIALECT.final(call, outcome_of(finish()))
    assert (shown["presence_penalty"], shown["frequency_penalty"]) == (0.5, -1)
