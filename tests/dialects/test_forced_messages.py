"""How a conversation with tools is said to a chat template that knows nothing of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.dialects.forced_tools import forced
from forebay.dialects.turn import JsonObject, Turn
from tests.dialects.forced_answers import NAMED, WEATHER, turn_of, user
from tests.dialects.json_schema import fits

QUESTION = user("Weather?")


def calling(*calls: tuple[str, str], content: Any = None) -> JsonObject:
    """Return the assistant's message with these calls, numbered from c1."""
    made = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls, 1)
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


def result(call_id: str, content: Any) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def contents(turn: Turn) -> list[Any]:
    """Return the forced messages' contents, without the instructions."""
    return [message["content"] for message in forced(turn).messages[1:]]


def test_the_instructions_tell_the_tools_and_the_form() -> None:
    system = forced(turn_of(QUESTION)).messages[0]

    assert system["role"] == "system"
    lines = str(system["content"]).splitlines()
    described = {"name": "get_weather", "description": "The weather of a city."}
    assert json.loads(lines[1]) == {**described, "parameters": WEATHER}
    assert '{"tool_calls": [' in lines[-2] and '{"message": ' in lines[-1]


def test_the_instructions_for_a_demanded_call_leave_no_words() -> None:
    system = str(forced(turn_of(QUESTION, tool_choice=NAMED)).messages[0]["content"])

    assert "get_time" not in system
    assert '"message"' not in system


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_instructions_join_the_first_system_message(role: str) -> None:
    first = forced(turn_of({"role": role, "content": "Be brief."}, QUESTION)).messages[0]
    parts: Any = [{"type": "text", "text": "Be brief."}]
    other = forced(turn_of({"role": role, "content": parts}, QUESTION)).messages[0]

    assert first["role"] == other["role"] == role
    assert str(first["content"]).startswith("Be brief.\n\nYou can call")
    assert isinstance(other["content"], list) and other["content"][0] == parts[0]


def test_the_history_has_the_form_of_the_answer() -> None:
    turn = turn_of(
        user("Hi"),
        {"role": "assistant", "content": "Hello!"},
        QUESTION,
        calling(("get_weather", '{"city": "Paris"}'), content="I look."),
        result("c1", "18 degrees"),
    )

    assert contents(turn) == [
        "Hi",
        '{"message":"Hello!"}',
        "Weather?",
        '{"message":"I look.","tool_calls":[{"name":"get_weather","arguments":{"city":"Paris"}}]}',
        "Result of get_weather:\n18 degrees",
    ]
    wanted: Any = forced(turn).response_format
    for said in (contents(turn)[1], contents(turn)[3]):
        assert fits(json.loads(said), wanted["json_schema"]["schema"])


def test_the_results_of_several_calls_are_one_message_with_what_the_user_adds() -> None:
    turn = turn_of(
        QUESTION,
        calling(("get_time", ""), ("get_time", "{}")),
        result("c2", "noon"),
        result("c1", None),
        user("And now?"),
    )

    assert contents(turn)[-1] == (
        "Result of get_time (call 2):\nnoon\n\nResult of get_time (call 1):\n\n\nAnd now?"
    )


def test_images_in_results_stay_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    turn = turn_of(QUESTION, calling(("get_time", "{}")), result("c1", [image]), user("So?"))

    assert contents(turn)[-1] == [
        {"type": "text", "text": "Result of get_time:"},
        image,
        {"type": "text", "text": "So?"},
    ]


def test_what_was_no_object_keeps_its_text() -> None:
    turn = turn_of(QUESTION, calling(("get_time", "now")), result("unknown", "x"))

    call = {"name": "get_time", "arguments": {"_arguments": "now"}}
    assert json.loads(contents(turn)[1]) == {"tool_calls": [call]}
    assert contents(turn)[2] == "Result of a tool:\nx"


def test_parts_of_what_the_assistant_said_are_joined_and_other_fields_stay() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    said: JsonObject = {"role": "assistant", "content": parts, "reasoning_content": "hm"}

    message = forced(turn_of(QUESTION, said, QUESTION)).messages[2]

    assert message == {
        "role": "assistant",
        "content": '{"message":"ab"}',
        "reasoning_content": "hm",
    }


def test_json_that_was_said_stays_json() -> None:
    said: JsonObject = {"role": "assistant", "content": '{"a": 1}'}

    turn = turn_of(QUESTION, said, QUESTION, response_format={"type": "json_object"})

    assert contents(turn)[1] == '{"message":{"a":1}}'


def test_the_calls_of_the_older_api_are_said_too() -> None:
    call = {"name": "get_time", "arguments": "{}"}
    turn = turn_of(
        QUESTION,
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "get_time", "content": "noon"},
    )

    assert contents(turn)[1:] == [
        '{"tool_calls":[{"name":"get_time","arguments":{}}]}',
        "Result of get_time:\nnoon",
    ]


def test_an_answer_that_was_begun_is_asked_for_from_there() -> None:
    extra: JsonObject = {"continue_final_message": True, "add_generation_prompt": False, "x": 1}
    turn = turn_of(QUESTION, {"role": "assistant", "content": "It is"}, extra=extra)

    assert [message["role"] for message in forced(turn).messages] == ["system", "user"]
    assert contents(turn)[0].startswith("Weather?\n\nYour answer begins")
    assert contents(turn)[0].endswith(":\nIt is")
    assert forced(turn).extra == {"x": 1}


def test_calls_without_results_are_not_the_end() -> None:
    turn = turn_of(QUESTION, calling(("get_time", "{}")))

    assert contents(turn)[-1] == "Go on."


@pytest.mark.parametrize("others", [{"tool_choice": "none"}, {"tools": []}])
def test_where_no_tool_may_be_called_only_the_history_is_said(others: dict[str, Any]) -> None:
    wanted: JsonObject = {"type": "json_object"}
    turn = turn_of(
        QUESTION,
        calling(("get_time", "{}"), content="I look."),
        result("c1", "noon"),
        {"role": "assistant", "content": "Noon."},
        response_format=wanted,
        **others,
    )
    plain = forced(turn)

    assert [message["content"] for message in plain.messages] == [
        "Weather?",
        "I look.",
        "Result of get_time with {}:\nnoon",
        "Noon.",
    ]
    assert plain.response_format == wanted
    assert plain.tools == []


def test_calls_without_a_word_leave_only_their_results_where_none_may_be_called() -> None:
    turn = turn_of(
        QUESTION,
        calling(("get_weather", '{"city": "Rome"}'), ("get_weather", '{"city": "Oslo"}')),
        result("c1", "18"),
        result("c2", "3"),
        user("So?"),
        tool_choice="none",
    )

    (message,) = forced(turn).messages

    assert message["content"] == (
        'Weather?\n\nResult of get_weather with {"city":"Rome"}:\n18\n\n'
        'Result of get_weather with {"city":"Oslo"}:\n3\n\nSo?'
    )
