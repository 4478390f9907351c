"""Responses: the input and the instructions as chat messages."""

from __future__ import annotations

import pytest

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import JsonObject
from tests.dialects.calls import finish, outcome_of, reasoning, text, tool_call
from tests.dialects.responses_calls import DIALECT, RESULT, USER, body, final

CALL: JsonObject = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}


def messages(given: object, **others: object) -> list[JsonObject]:
    return DIALECT.parse(body(input=given, **others))[0].messages


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


def test_an_answer_cannot_show_an_image() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "input_image", "image_url": "data:"}]
    with pytest.raises(UnsupportedParameter) as refused:
        messages([USER, {"role": "assistant", "content": parts}])
    assert refused.value.param == "input[1].content[1].type"


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
