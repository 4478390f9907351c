"""The pieces of streamed tool calls: told by engines in every accent, and by us as clients join."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.dialects.chat import ChatDialect
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from forebay.dialects.upstream import ChunkReader
from tests.dialects.calls import ID_BODY, call_of, events, outcome_of, streamed

DIALECT = ChatDialect()
BODY: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def read(*pieces: JsonObject) -> list[ToolCallPiece]:
    frames = [{"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]} for piece in pieces]
    told = "".join([f"data: {json.dumps(frame)}\n\n" for frame in frames])
    return [piece for delta in ChunkReader().feed(told.encode()) for piece in delta.tool_calls]


@pytest.mark.parametrize(
    "again",
    [
        {"index": 0, "id": "c1", "function": {"arguments": "}"}},
        {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "}"}},
        {"index": 0, "id": "another", "function": {"arguments": "}"}},
        {"index": None, "function": {"arguments": "}"}},
    ],
)
def test_an_id_and_a_name_are_told_once(again: JsonObject) -> None:
    begun: JsonObject = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{"}}
    assert read(begun, again) == [
        ToolCallPiece(0, "c1", "f", "{"),
        ToolCallPiece(0, None, None, "}"),
    ]


def test_a_name_may_come_late() -> None:
    begun: JsonObject = {"index": 0, "id": "c1", "function": {"arguments": ""}}
    named: JsonObject = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    assert read(begun, named) == [ToolCallPiece(0, "c1"), ToolCallPiece(0, None, "f", "{}")]


def test_a_call_without_an_id_gets_the_same_one_streamed_and_whole() -> None:
    deltas = [Delta(tool_calls=(ToolCallPiece(0, None, "f", "{"), ToolCallPiece(0, arguments="}")))]
    call = call_of(DIALECT, BODY)
    told: list[Any] = [
        piece
        for chunk in events(streamed(DIALECT, call, deltas))
        for choice in chunk["choices"]
        for piece in choice["delta"].get("tool_calls", [])
    ]
    assert [piece.get("id") for piece in told] == [f"call_{ID_BODY}_0_0", None]
    whole: Any = DIALECT.final(call, outcome_of(deltas))
    assert whole["choices"][0]["message"]["tool_calls"][0]["id"] == told[0]["id"]
