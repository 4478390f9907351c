"""The blocks of a streamed message: strictly one after the other, however an engine mixes them."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from forebay.dialects.dialect import Call
from forebay.dialects.messages_output import arguments_read
from forebay.dialects.turn import Delta, ToolCallPiece
from tests.dialects.calls import events, finish, outcome_of, text, tool_call
from tests.dialects.messages_calls import DIALECT
from tests.dialects.messages_streams import CALL, THINKING_CALL, helped, plain, stream

MIXED = [
    *tool_call(0, "t1", "f", '{"a":'),
    *tool_call(1, "t2", "g", '{"b":', "{}"),
    *text("so"),
    Delta(tool_calls=(ToolCallPiece(1, arguments="}"), ToolCallPiece(0, arguments="1}"))),
    *finish("tool_calls"),
]
MIXED_AND_CUT = [*tool_call(0, "t1", "f"), *tool_call(1, "t2", "g", '{"b":1}'), *finish("length")]


def test_calls_whose_pieces_come_mixed_are_streamed_one_after_the_other() -> None:
    found = [
        event
        for event in stream(MIXED)
        if event["type"].startswith("content_block") and "content_block" not in event
    ]
    assert [(event["type"], event["index"], event.get("delta")) for event in found] == [
        ("content_block_delta", 0, {"type": "input_json_delta", "partial_json": '{"a":'}),
        ("content_block_delta", 0, {"type": "input_json_delta", "partial_json": "1}"}),
        ("content_block_stop", 0, None),
        ("content_block_delta", 1, {"type": "input_json_delta", "partial_json": '{"b":'}),
        ("content_block_delta", 1, {"type": "input_json_delta", "partial_json": "{}"}),
        ("content_block_delta", 1, {"type": "input_json_delta", "partial_json": "}"}),
        ("content_block_stop", 1, None),
        ("content_block_delta", 2, {"type": "text_delta", "text": "so"}),
        ("content_block_stop", 2, None),
    ]


def test_a_call_that_is_whole_ends_as_soon_as_the_next_one_begins() -> None:
    writer = DIALECT.writer(CALL)
    writer.open()
    writer.write(tool_call(0, "t1", "f", '{"a":', "1}"))
    begun = events(writer.write(tool_call(1, "t2", "g")))
    assert [(event["type"], event["index"]) for event in begun] == [
        ("content_block_stop", 0),
        ("content_block_start", 1),
    ]


def test_text_goes_out_as_it_comes_before_and_after_a_call() -> None:
    writer = DIALECT.writer(CALL)
    writer.open()
    before = events(writer.write(text("a")))
    writer.write(tool_call(0, "t1", "f", "{}"))
    after = [*events(writer.write(text("b"))), *events(writer.write(text("c")))]
    shown = [event["delta"]["text"] for event in [*before, *after] if "delta" in event]
    assert shown == ["a", "b", "c"]


@pytest.mark.parametrize("deltas", [MIXED, MIXED_AND_CUT])
def test_the_helper_reads_mixed_calls_as_the_final_object_shows_them(deltas: list[Delta]) -> None:
    final = Message.model_validate(DIALECT.final(CALL, outcome_of(deltas)))
    assert plain(helped(deltas)) == plain(final)


COUNTS = st.integers(0, 3)
PIECES = st.one_of(
    st.builds(lambda piece: Delta(text=piece), st.text(min_size=1, max_size=3)),
    st.builds(lambda piece: Delta(reasoning=piece), st.text(min_size=1, max_size=3)),
    st.builds(lambda piece: Delta(refusal=piece), st.text(min_size=1, max_size=3)),
)


@st.composite
def answers(draw: st.DrawFn) -> list[Delta]:
    """Answers whose parallel calls come in pieces, mixed with each other and with all else."""
    left = [['{"a":', '{"b":', "1}}"][draw(st.integers(0, 2)) :] for _ in range(draw(COUNTS))]
    begun = 0
    deltas = []
    for _ in range(draw(st.integers(0, 12))):
        number = draw(st.integers(0, len(left)))
        if number == begun and number < len(left):
            deltas.append(Delta(tool_calls=(ToolCallPiece(number, None, "f"),)))
            begun += 1
        elif number < begun and left[number]:
            piece = left[number].pop(0)
            deltas.append(Delta(tool_calls=(ToolCallPiece(number, arguments=piece),)))
        else:
            deltas.append(draw(PIECES))
    return deltas


@given(answers(), st.sampled_from([CALL, THINKING_CALL]))
def test_whatever_the_order_blocks_are_nested_and_agree_with_the_final_object(
    deltas: list[Delta], call: Call
) -> None:
    blocks: list[dict[str, Any]] = []
    inputs: list[str] = []
    is_open = False
    for event in stream(deltas, call):
        match event["type"]:
            case "content_block_start":
                assert not is_open and event["index"] == len(blocks)
                is_open = True
                blocks.append(event["content_block"])
                inputs.append("")
            case "content_block_delta":
                assert is_open and event["index"] == len(blocks) - 1
                _add(blocks[-1], inputs, event["delta"])
            case "content_block_stop":
                assert is_open and event["index"] == len(blocks) - 1
                is_open = False
    final = DIALECT.final(call, outcome_of(deltas))["content"]
    for block, arguments in zip(blocks, inputs, strict=True):
        if block["type"] == "tool_use" and arguments:
            whole = arguments_read(arguments)
            block["input"] = {"_arguments": arguments} if whole is None else whole
    assert blocks == final


def _add(block: dict[str, Any], inputs: list[str], delta: dict[str, Any]) -> None:
    if delta["type"] == "input_json_delta":
        inputs[-1] += delta["partial_json"]
    else:
        name = delta["type"].removesuffix("_delta")
        block[name] += delta[name]
