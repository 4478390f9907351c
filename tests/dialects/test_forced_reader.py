"""How forced JSON becomes text and tool calls again, wherever the engine's text is split."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.core.engine_errors import EngineFailed
from forebay.core.money import Usage
from forebay.dialects.forced_plan import MAX_CALLS
from forebay.dialects.forced_reader import ForcedReader
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from tests.dialects.calls import answer_of
from tests.dialects.forced_answers import NAMED, called, calls_json, read, read_all, turn_of

AUTO = turn_of()
REQUIRED = turn_of(tool_choice="required")
PARIS = '{"tool_calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}]}'

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
calls = st.builds(
    lambda name, arguments: {"name": name, "arguments": arguments},
    st.sampled_from(["get_weather", "get_time"]),
    st.dictionaries(st.text(), values, max_size=3),
)
answers = st.fixed_dictionaries(
    {},
    optional={"message": st.text(), "tool_calls": st.lists(calls, min_size=1, max_size=3)},
).filter(bool)


def split(text: str, cuts: list[int]) -> list[str]:
    ends = sorted({cut % (len(text) + 1) for cut in cuts} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(
    answer=answers,
    cuts=st.lists(st.integers(min_value=0)),
    is_escaped=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    stop=st.none() | st.text(min_size=1, max_size=3),
)
def test_an_answer_reads_the_same_wherever_it_is_split(
    answer: dict[str, Any], cuts: list[int], is_escaped: bool, indent: int | None, stop: str | None
) -> None:
    text = json.dumps(answer, ensure_ascii=is_escaped, indent=indent)
    turn = turn_of(sampling={"stop": stop})

    whole, parted, slowest = (read(turn, *pieces) for pieces in ([text], split(text, cuts), text))

    message = answer.get("message", "")
    is_stopped = stop is not None and stop in message
    for found in (whole, parted, slowest):
        assert found.text == (message.partition(stop)[0] if is_stopped and stop else message)
        expected = [] if is_stopped else answer.get("tool_calls", [])
        if not is_stopped or list(answer) == ["message", "tool_calls"]:
            assert called(found) == [(call["name"], call["arguments"]) for call in expected]
        assert found.tool_calls == whole.tool_calls
        assert found.segments() == whole.segments()
        assert found.finish_reason == whole.finish_reason


def test_text_comes_as_soon_as_the_engine_writes_it() -> None:
    reader = ForcedReader(AUTO, call_id="resp_0123")

    pieces = ['{"mess', 'age": "Hel', "lo \\", "u00e9", "\\ud83d", "\\ude00!", '"}']
    shown = [reader.feed([Delta(text=piece)]) for piece in pieces]

    texts = ["".join(delta.text for delta in deltas) for deltas in shown]
    assert texts == ["", "Hel", "lo ", "é", "", "😀!", ""]


def test_a_call_is_told_before_its_arguments_have_ended() -> None:
    reader = ForcedReader(REQUIRED, call_id="chatcmpl-0123")

    pieces = ['{"tool_calls":[{"name":"get_weather","arguments":', ' {"city":', ' "Rome"', "}}]}"]
    told = [reader.feed([Delta(text=piece)]) for piece in pieces]

    assert [piece for deltas in told for delta in deltas for piece in delta.tool_calls] == [
        ToolCallPiece(0, "call_01230", "get_weather"),
        ToolCallPiece(0, arguments='{"city":'),
        ToolCallPiece(0, arguments=' "Rome"'),
        ToolCallPiece(0, arguments="}"),
    ]


def test_the_calls_of_one_answer_have_ids_of_their_own() -> None:
    text = json.dumps({"tool_calls": calls_json(("get_time", {}), ("get_time", {}))})

    answer = read(AUTO, text)

    assert [call.id for call in answer.tool_calls] == ["call_01230", "call_01231"]


def test_a_message_may_have_calls_behind_it() -> None:
    answer = read(AUTO, '{"message": "Let me see.", ' + PARIS[1:])

    assert answer.text == "Let me see."
    assert called(answer) == [("get_weather", {"city": "Paris"})]


@pytest.mark.parametrize(
    ("text", "told", "reason"),
    [
        (PARIS, "stop", "tool_calls"),
        (PARIS, "length", "length"),
        ('{"message": "Hi"}', "stop", "stop"),
        ('{"message": "Hi"}', "length", "length"),
        ("", "content_filter", "content_filter"),
    ],
)
def test_an_answer_with_calls_ends_with_them(text: str, told: str, reason: str) -> None:
    assert read(AUTO, text, finish_reason=told).finish_reason == reason


def test_an_engine_that_gives_no_finish_reason_has_still_made_its_calls() -> None:
    assert read(AUTO, PARIS, finish_reason=None).finish_reason == "tool_calls"


def test_an_answer_cut_by_its_length_just_ends() -> None:
    for end in range(len(PARIS)):
        answer = read(AUTO, PARIS[:end], finish_reason="length")
        assert answer.finish_reason == "length"
        assert '{"city": "Paris"}'.startswith("".join(c.arguments for c in answer.tool_calls))


@pytest.mark.parametrize("text", ["", '{"message": "Hi', PARIS[:-1], PARIS[:-20]])
@pytest.mark.parametrize("reason", ["stop", None])
def test_json_that_ends_too_early_is_a_failure_of_the_engine(text: str, reason: str | None) -> None:
    with pytest.raises(EngineFailed, match="before the JSON was whole"):
        read(AUTO, text, finish_reason=reason)


@pytest.mark.parametrize(
    "text",
    [
        "Sure, here it is:",
        '"Hi"',
        "{}",
        '{"message": 3}',
        '{"text": "Hi"}',
        '{"message": "Hi", "message": "Ho"}',
        '{"message": "Hi"} And more',
        '{"message": "two\nlines"}',
        '{"message": "\\x"}',
        '{"message": "\\u12g4"}',
        '{"tool_calls": []}',
        '{"tool_calls": [{"name": "unknown", "arguments": {}}]}',
        '{"tool_calls": [{"name": "get_time"}]}',
        '{"tool_calls": [{"arguments": {}, "name": "get_time"}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": []}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": "{}"}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": nil}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": {"a" 1}}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": {"a": [1}}}]}',
        '{"tool_calls": [{"name": "get_time", "arguments": {}, "id": 1}]}',
    ],
)
def test_what_is_not_the_json_wanted_is_a_failure_of_the_engine(text: str) -> None:
    with pytest.raises(EngineFailed, match=r"did not keep to the JSON schema.* at character \d+"):
        read(AUTO, text)


def test_text_where_a_call_was_demanded_is_a_failure_of_the_engine() -> None:
    with pytest.raises(EngineFailed, match="expected a key of the schema"):
        read(REQUIRED, '{"message": "No."}')


@pytest.mark.parametrize(
    ("turn", "most"),
    [
        (REQUIRED, MAX_CALLS),
        (turn_of(tool_choice="required", parallel_tool_calls=False), 1),
        (turn_of(tool_choice=NAMED), 1),
    ],
    ids=["parallel", "not parallel", "named"],
)
def test_more_calls_than_allowed_are_a_failure_of_the_engine(turn: Any, most: int) -> None:
    made = calls_json(*[("get_weather", {"city": "Rome"})] * (most + 1))

    assert len(read(turn, json.dumps({"tool_calls": made[:-1]})).tool_calls) == most
    with pytest.raises(EngineFailed, match="no more calls"):
        read(turn, json.dumps({"tool_calls": made}))


def test_a_call_that_the_engine_makes_by_itself_is_a_failure_of_the_engine() -> None:
    reader = ForcedReader(AUTO, call_id="resp_0123")

    with pytest.raises(EngineFailed, match="of its own"):
        reader.feed([Delta(tool_calls=(ToolCallPiece(0, "c1", "get_time"),))])


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{ "a" : [1, "}"]}', '{ "a" : [1, "}"]}'),
        ("12.5", "12.5"),
        ("null", "null"),
        ('"\\"é"', '"\\"é"'),
    ],
)
def test_a_message_that_is_to_be_json_is_passed_on_as_written(written: str, text: str) -> None:
    turn = turn_of(response_format={"type": "json_schema", "json_schema": {"schema": {}}})
    for pieces in ([f'{{"message": {written} }}'], list(f'{{"message":{written}}}')):
        assert read(turn, *pieces).text == text


def test_a_message_that_is_to_be_json_and_is_none_is_a_failure_of_the_engine() -> None:
    turn = turn_of(response_format={"type": "json_object"})
    with pytest.raises(EngineFailed, match="the end of a JSON value"):
        read(turn, '{"message": {"a": }}')


def test_half_a_surrogate_pair_is_shown_as_the_replacement_character() -> None:
    text = '{"message": "\\ud83d-\\ude00\\ud83d\\ud83d\\ude00\\ud83d"}'
    for pieces in ([text], list(text)):
        assert read(AUTO, *pieces).text == "\ufffd-\ufffd\ufffd😀\ufffd"


def test_reasoning_and_usage_pass_through() -> None:
    reader = ForcedReader(AUTO, call_id="resp_0123")
    usage = Usage(input_tokens=3, output_tokens=2)

    deltas = [
        *reader.feed([Delta(reasoning="hm"), Delta(text='{"message": "Hi"}')]),
        *reader.feed([Delta(finish_reason="stop", usage=usage)]),
    ]

    answer = answer_of(deltas)
    assert (answer.reasoning, answer.text, answer.usage) == ("hm", "Hi", usage)


def test_only_the_tokens_of_the_text_keep_their_logprobs() -> None:
    reader = ForcedReader(AUTO, call_id="resp_0123")
    tokens: list[JsonObject] = [
        {"token": text, "logprob": -1.0} for text in ('{"message', '": "Hi', " you", '"}')
    ]
    whole = Delta(text='{"message": "Hi you"}', logprobs=tuple(tokens))

    deltas = reader.feed([whole])

    assert [(delta.text, delta.logprobs) for delta in deltas] == [
        ("Hi", (tokens[1],)),
        (" you", (tokens[2],)),
    ]


@pytest.mark.parametrize("stop", ["END", ["nothing", "END"]])
@pytest.mark.parametrize("told", ["stop", "length"])
def test_a_stop_string_ends_the_answer_where_the_text_has_it(stop: object, told: str) -> None:
    turn = turn_of(sampling={"stop": stop})

    text = '{"message": "a\\nE\\u004eD of it", ' + PARIS[1:]
    answer = answer_of(read_all(turn, *text, finish_reason=told))

    assert (answer.text, answer.tool_calls) == ("a\n", [])
    assert (answer.finish_reason, answer.stop_sequence) == ("stop", "END")


def test_what_only_begins_like_a_stop_string_is_shown() -> None:
    turn = turn_of(sampling={"stop": "END"})

    answer = read(turn, *'{"message": "EEN EN"}')

    assert (answer.text, answer.stop_sequence) == ("EEN EN", None)


def test_without_tools_everything_passes_unchanged() -> None:
    reader = ForcedReader(turn_of(tool_choice="none"), call_id="resp_0123")
    deltas = [Delta(text='{"not'), Delta(text="ours", finish_reason="stop")]

    assert reader.feed(deltas) == deltas
    assert reader.end() == []
