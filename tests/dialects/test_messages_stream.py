"""The events of a streamed message, checked one by one and through the official helper."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from forebay.core.engine_errors import EngineFailed
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.turn import Delta
from tests.dialects.calls import (
    call_of,
    finish,
    outcome_of,
    reasoning,
    streamed,
    text,
    tool_call,
)
from tests.dialects.messages_calls import DIALECT, OMITTED, body
from tests.dialects.messages_streams import CALL, THINKING_CALL, helped, plain, stream
from tests.dialects.sdks import anthropic_reading

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

ALL_KINDS = [
    *reasoning("h", "m"),
    *text("Hel", "lo"),
    *tool_call(0, "t1", "f", '{"a"', ":1}"),
    *tool_call(1, "t2", "g"),
    *finish("tool_calls"),
]


def test_a_text_is_streamed_in_the_documented_order() -> None:
    assert [event["type"] for event in stream([*text("Hel", "lo"), *finish()])] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_every_event_has_the_fields_that_the_sdk_demands() -> None:
    for event in stream(ALL_KINDS, THINKING_CALL):
        if event["type"] != "ping":  # which the SDK keeps to itself
            EVENT.validate_python(event, strict=True)


def test_blocks_follow_each_other() -> None:
    found = [
        (event["type"], event["index"])
        for event in stream(ALL_KINDS, THINKING_CALL)
        if event["type"] in ("content_block_start", "content_block_stop")
    ]
    assert found == [
        (kind, index)
        for index in range(4)
        for kind in ("content_block_start", "content_block_stop")
    ]


def test_thinking_ends_with_a_signature() -> None:
    found = stream([*reasoning("r"), *text("a")], THINKING_CALL)
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == [
        "thinking_delta",
        "signature_delta",
        "text_delta",
    ]
    assert deltas[1]["signature"]


def test_thinking_that_nobody_asked_for_is_not_streamed() -> None:
    found = stream([*reasoning("r"), *text("a"), *reasoning("r"), *text("b")])
    starts = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert [block["type"] for block in starts] == ["text"]


def test_thinking_may_be_streamed_without_its_text() -> None:
    call = call_of(DIALECT, body(**OMITTED))
    found = stream([*reasoning("r"), *text("a")], call)
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas] == ["signature_delta", "text_delta"]


def test_the_prompt_is_counted_at_the_end() -> None:
    found = stream([*text("a"), *finish()])
    assert found[0]["message"]["usage"]["input_tokens"] == 0
    usage = found[-2]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (12, 8)
    assert usage["output_tokens"] == 12


@pytest.mark.parametrize("call", [CALL, THINKING_CALL])
def test_the_official_helper_reads_what_the_final_object_shows(call: Call) -> None:
    final = Message.model_validate(DIALECT.final(call, outcome_of(ALL_KINDS)))
    assert plain(helped(ALL_KINDS, call)) == plain(final)


def test_a_call_without_arguments_has_an_empty_input() -> None:
    block = helped(tool_call(0, "t1", "f")).content[0]
    assert block.type == "tool_use"
    assert block.input == {}


def test_a_refusal_is_streamed_as_text() -> None:
    message = helped([Delta(refusal="no"), *finish()])
    assert message.content[0].type == "text"
    assert message.stop_reason == "refusal"


def test_an_answer_without_any_output_is_a_whole_stream() -> None:
    assert helped(finish()).content == []


def test_our_own_fields_come_at_the_end_and_are_absent_where_empty() -> None:
    shown = outcome_of(text("a"), extension={"window": "asap"})
    assert stream(text("a"), outcome=shown)[-2]["forebay"] == {"window": "asap"}
    assert "forebay" not in stream(text("a"))[-2]


def test_a_stream_that_fails_ends_with_an_error_that_the_sdk_raises() -> None:
    failed = Outcome(status=RequestStatus.FAILED, error=EngineFailed("the engine broke"))
    with (
        anthropic_reading(streamed(DIALECT, CALL, text("a"), failed)) as client,
        client.messages.stream(
            model="m", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        ) as read,
        pytest.raises(anthropic.APIError, match="the engine broke"),
    ):
        read.get_final_message()
