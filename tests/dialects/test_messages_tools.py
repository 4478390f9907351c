"""Messages: tools, the choice among them, the output format, and the calls that a model makes."""

from __future__ import annotations

import pytest

from forebay.dialects.turn import JsonObject
from tests.dialects.calls import ID_BODY, finish, text, tool_call
from tests.dialects.messages_calls import DIALECT, TOOL, body, final, read

CHAT_TOOL: JsonObject = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object"}},
}


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_an_output_format_is_said_in_the_words_of_chat(place: str) -> None:
    shape = {"type": "json_schema", "schema": {"type": "object"}}
    given = {place: {"format": shape} if place == "output_config" else shape}
    assert DIALECT.parse(body(**given))[0].response_format == {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": True},
    }


@pytest.mark.parametrize("kind", [{}, {"type": "custom"}, {"type": None}])
def test_a_tool_is_said_in_the_words_of_chat(kind: JsonObject) -> None:
    assert DIALECT.parse(body(tools=[TOOL | kind]))[0].tools == [CHAT_TOOL]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_tool_choice_is_said_in_the_words_of_chat(choice: object, said: object) -> None:
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert (turn.tool_choice, turn.parallel_tool_calls) == (said, None)


def test_one_call_at_a_time_may_be_asked_for() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    turn, _ = DIALECT.parse(body(tools=[TOOL], tool_choice=choice))
    assert turn.parallel_tool_calls is False


def test_the_sdk_reads_tool_calls() -> None:
    deltas = [*text("a"), *tool_call(0, "t1", "f", '{"a"', ":1}"), *finish("tool_calls")]
    message = read(deltas)
    use = message.content[1]
    assert use.type == "tool_use"
    assert (use.id, use.name, use.input) == ("t1", "f", {"a": 1})
    assert message.stop_reason == "tool_use"


def test_a_forced_call_is_a_tool_use_whatever_the_engine_says() -> None:
    deltas = [*tool_call(0, "t1", "f", "{}"), *finish("stop")]
    assert final(deltas)["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("", {}), ("{}", {}), ('{"a":', {"_arguments": '{"a":'}), ("[1]", {"_arguments": "[1]"})],
)
def test_arguments_are_an_object_whatever_the_model_wrote(
    arguments: str, shown: JsonObject
) -> None:
    assert final(tool_call(0, "t1", "f", arguments))["content"][0]["input"] == shown


def test_a_call_without_an_id_of_the_engine_gets_one() -> None:
    assert final(tool_call(0, None, "f"))["content"][0]["id"] == f"toolu_{ID_BODY}0"
