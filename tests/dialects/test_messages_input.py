"""Messages: the system prompt and the messages of the body as chat messages."""

from __future__ import annotations

import pytest

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.turn import JsonObject
from tests.dialects.calls import answer_of, reasoning, text, tool_call
from tests.dialects.messages_calls import RESULT, THINKING, assistant, body, final, messages, user

HI: JsonObject = {"role": "user", "content": "hi"}
USE: JsonObject = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}


@pytest.mark.parametrize(
    "system", ["a\nb", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]]
)
def test_the_system_prompt_comes_first(system: object) -> None:
    said = messages({"role": "user", "content": "hi"}, system=system)
    assert said[0] == {"role": "system", "content": "a\nb"}


def test_a_system_message_stays_where_it_is() -> None:
    said = messages({"role": "user", "content": "hi"}, {"role": "system", "content": "in French"})
    assert said[1] == {"role": "system", "content": "in French"}


def test_one_text_block_is_plain_text() -> None:
    block = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    assert messages(user(block)) == [{"role": "user", "content": "hi"}]


def test_a_tool_loop_becomes_calls_and_tool_messages() -> None:
    said = messages(
        {"role": "user", "content": "hi"},
        assistant(
            {"type": "thinking", "thinking": "r", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "let me see"},
            USE,
        ),
        user(RESULT, {"type": "text", "text": "and now?"}),
    )
    assert said[1:] == [
        {
            "role": "assistant",
            "content": "let me see",
            "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ],
            "reasoning_content": "r",
        },
        {"role": "tool", "tool_call_id": "t1", "content": "42"},
        {"role": "user", "content": "and now?"},
    ]


def test_results_come_right_after_their_calls() -> None:
    said = messages(assistant(USE), user({"type": "text", "text": "here:"}, RESULT))
    assert [message["role"] for message in said] == ["assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, ""),
        ({"content": [{"type": "text", "text": "42"}]}, "42"),
        ({"content": "no such file", "is_error": True}, "Error: no such file"),
    ],
)
def test_a_tool_result_is_text(content: JsonObject, said: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", **content}
    assert messages(assistant(USE), user(result))[1]["content"] == said


def test_a_tool_result_may_hold_an_image() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    said = messages(assistant(USE), user(RESULT | {"content": [image], "is_error": True}))
    assert said[1]["content"] == [
        {"type": "text", "text": "Error:"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]


def test_the_blocks_of_an_answer_are_good_input() -> None:
    deltas = [*reasoning("r"), *text("a"), *tool_call(0, "t1", "f", '{"a":1}')]
    content = final(deltas, body(**THINKING))["content"]
    said = messages({"role": "assistant", "content": content}, user(RESULT))[0]
    assert said["content"] == answer_of(deltas).text
    assert said["reasoning_content"] == "r"


def test_messages_of_one_role_are_one_turn() -> None:
    said = messages(
        HI,
        user({"type": "text", "text": "there"}),
        {"role": "assistant", "content": "Hello"},
        assistant({"type": "text", "text": ", you."}, USE),
        user(RESULT, {"type": "text", "text": "so"}),
        user(RESULT),
    )
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "tool", "user"]
    assert said[0]["content"] == [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]
    assert said[1]["content"] == "Hello, you."


@pytest.mark.parametrize(
    "kind",
    [
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "advisor_tool_result",
        "mcp_tool_use",
        "mcp_tool_result",
        "redacted_thinking",
    ],
)
def test_what_ran_elsewhere_is_left_out(kind: str) -> None:
    said = messages(assistant({"type": kind, "id": "x"}, {"type": "text", "text": "found"}), HI)
    assert said == [{"role": "assistant", "content": "found"}, HI]


def test_a_block_that_nobody_knows_is_refused_where_it_stands() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        messages(HI, HI, user({"type": "text", "text": "a"}, {"type": "compaction"}))
    assert caught.value.param == "messages[2].content[1].type"
