"""Streams made of a final object: OpenAI's helpers put the same object together again."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.dialects.replay import replayed_chat, replayed_response
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import DONE, decode_object, payloads

TEXT: JsonObject = {"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": []}
MESSAGE: JsonObject = {
    "id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [TEXT]
}  # fmt: skip


def response(*output: JsonObject, status: str = "completed") -> JsonObject:
    return {"id": "resp_1", "status": status, "output": list(output), "usage": {"total_tokens": 1}}


def events(made: JsonObject) -> list[Any]:
    """Return the events of the replayed response."""
    replayed = replayed_response(made)
    assert replayed.endswith(DONE)
    return [decode_object(payload) for payload in payloads(replayed)]


def test_the_numbers_have_no_gap_and_the_last_event_has_the_object() -> None:
    made = response(MESSAGE)
    found = events(made)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[0]["response"]["output"] == []
    assert found[0]["response"]["status"] == "in_progress"
    assert found[-1]["type"] == "response.completed"
    assert found[-1]["response"] == made


@pytest.mark.parametrize(
    ("status", "last"),
    [
        ("completed", "response.completed"),
        ("incomplete", "response.incomplete"),
        ("failed", "response.failed"),
        ("cancelled", "response.failed"),
    ],
)
def test_the_last_event_tells_how_it_ended(status: str, last: str) -> None:
    assert events(response(status=status))[-1]["type"] == last


@pytest.mark.parametrize(
    ("item", "kinds"),
    [
        (MESSAGE, ["content_part.added", "output_text.delta", "output_text.done",
                   "content_part.done"]),
        (MESSAGE | {"content": [{"type": "refusal", "refusal": "No."}]},
         ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]),
        ({"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x",
          "content": [{"type": "reasoning_text", "text": "Hm."}]},
         ["content_part.added", "reasoning_text.delta", "reasoning_text.done",
          "content_part.done"]),
        ({"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
         ["function_call_arguments.delta", "function_call_arguments.done"]),
        ({"id": "ctc_1", "type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
         ["custom_tool_call_input.delta", "custom_tool_call_input.done"]),
        ({"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}, []),
    ],
)  # fmt: skip
def test_an_item_is_opened_empty_filled_and_done(item: JsonObject, kinds: list[str]) -> None:
    added, *middle, done = events(response(item))[2:-1]
    assert [event["type"] for event in middle] == [f"response.{kind}" for kind in kinds]
    assert added["type"] == "response.output_item.added"
    assert not (added["item"].get("content") or added["item"].get("arguments"))
    assert done["item"] == item


def test_a_chat_is_told_choice_by_choice() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hi", "refusal": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    chat: JsonObject = {
        "id": "chatcmpl-1", "created": 1, "model": "tiny", "service_tier": "default",
        "choices": [choice, choice | {"index": 1}], "usage": {"total_tokens": 3},
        "forebay": {"window": "asap"},
    }  # fmt: skip
    chunks: list[Any] = [
        decode_object(payload) for payload in payloads(replayed_chat(chat, is_usage_wanted=True))
    ]
    assert [[each["index"] for each in chunk["choices"]] for chunk in chunks] == [
        [0], [0], [1], [1], []
    ]  # fmt: skip
    assert chunks[0]["choices"][0]["delta"]["tool_calls"] == [{"index": 0, **call}]
    assert chunks[1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"] == {"total_tokens": 3}
    assert chunks[-1]["forebay"] == {"window": "asap"}
    plain = payloads(replayed_chat(chat, is_usage_wanted=False))
    assert all("usage" not in decode_object(chunk) for chunk in plain)
