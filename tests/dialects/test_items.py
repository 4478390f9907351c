"""Items in full: whatever an input may look like, it can be shown."""

from __future__ import annotations

import pytest

from forebay.core.errors import UnsupportedParameter
from forebay.dialects.items import normalised, own_id, prefix_of
from forebay.dialects.responses_input import chat_messages
from forebay.dialects.turn import JsonObject

CALL: JsonObject = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "f",
    "arguments": "{}",
}


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi", "id": None, "status": None},
        {"role": "user", "content": []},
        {"role": "user", "content": "hi", "id": 7, "status": ["odd"], "phase": {"odd": 1}},
        {"role": "assistant", "content": "hi", "phase": "unheard-of"},
        {"role": "assistant", "content": [{"type": "text", "text": "hi", "annotations": "odd"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "", "logprobs": [7]}]},
        {"role": "system", "content": [{"type": "refusal", "refusal": "No."}]},
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://x/y", "detail": "odd"}],
        },
        CALL | {"namespace": "n", "status": "odd"},
        {"type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": ""},
        {"type": "reasoning", "summary": [{"text": 7}, {}], "content": [{"text": "so"}]},
        {"type": "reasoning"},
    ],
)
def test_every_item_that_can_be_run_can_be_shown(item: JsonObject) -> None:
    assert chat_messages({"input": [item]})
    shown = normalised(item, id="x_1")
    assert shown["id"] == "x_1"
    assert shown["status"] == "completed"


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hi", "phase": "commentary", "status": "incomplete"},
        CALL | {"namespace": "tools"},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": [{"type": "input_text", "text": "4"}],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}]},
        {"type": "compaction", "encrypted_content": "sealed"},
    ],
)
def test_an_item_that_is_shown_can_be_shown_again_and_is_the_same(item: JsonObject) -> None:
    once = normalised(item, id="x_1")
    assert once["id"] == "x_1"
    assert normalised(once, id="x_1") == once


def test_parts_are_shown_as_those_of_whoever_speaks() -> None:
    parts: list[JsonObject] = [{"type": "input_text", "text": "a"}, {"type": "text", "text": "b"}]
    answer = normalised({"role": "assistant", "content": parts}, id="msg_1")
    question = normalised({"role": "user", "content": parts}, id="msg_1")
    kinds = [[part["type"] for part in shown["content"]] for shown in (answer, question)]  # type: ignore[attr-defined]
    assert kinds == [["output_text"] * 2, ["input_text"] * 2]


def test_logprobs_and_annotations_of_an_answer_stay() -> None:
    part: JsonObject = {
        "type": "output_text",
        "text": "hi",
        "annotations": [{"type": "url_citation"}],
        "logprobs": [{"token": "hi"}],
    }
    shown = normalised({"role": "assistant", "content": [part]}, id="msg_1")
    assert shown["content"] == [part]


@pytest.mark.parametrize(
    ("given", "own"), [("msg_1", "msg_1"), ("", None), (None, None), (7, None)]
)
def test_an_item_may_have_an_id_of_its_own(given: object, own: str | None) -> None:
    assert own_id({"id": given}) == own


@pytest.mark.parametrize("kind", ["item_reference", "shell_call", 7, ["message"]])
def test_items_of_other_kinds_are_refused_by_name(kind: object) -> None:
    item: JsonObject = {"type": kind, "id": "x_1"}
    for act in (
        lambda: prefix_of(item, at="items[2]"),
        lambda: normalised(item, id="x_1", at="items[2]"),
    ):
        with pytest.raises(UnsupportedParameter, match=r"items\[2\]\.type"):
            act()
