"""Messages: thinking on its way through the caller's hands and back."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.secret import TextCipher
from tests.dialects.calls import call_of, events, finish, outcome_of, reasoning, streamed, text
from tests.dialects.messages_calls import (
    CIPHER,
    OMITTED,
    SEALING,
    THINKING,
    assistant,
    body,
    messages,
)

HI: JsonObject = {"role": "user", "content": "hi"}
DELTAS = [*reasoning("let ", "me see"), *text("a"), *finish()]


def blocks(deltas: list[Delta], given: JsonObject) -> list[dict[str, Any]]:
    message: dict[str, Any] = SEALING.final(call_of(SEALING, body(**given)), outcome_of(deltas))
    content: list[dict[str, Any]] = message["content"]
    return content


def echoed(*content: object) -> object:
    said = messages(assistant(*content, {"type": "text", "text": "a"}), HI, dialect=SEALING)
    return said[0].get("reasoning_content")


def test_omitted_thinking_is_sealed_in_its_signature_and_comes_back_to_the_engine() -> None:
    block = blocks(DELTAS, OMITTED)[0]
    assert block["thinking"] == ""
    assert "let me see" not in str(block)
    assert echoed(block) == "let me see"


def test_shown_thinking_is_sealed_too_for_clients_that_drop_the_text() -> None:
    block = blocks(DELTAS, THINKING)[0]
    assert block["thinking"] == "let me see"
    assert echoed(block | {"thinking": ""}) == "let me see"


def test_thinking_that_was_changed_on_its_way_is_taken_as_it_is() -> None:
    block = blocks(DELTAS, THINKING)[0]
    assert echoed(block | {"thinking": "let me guess"}) == "let me guess"


@pytest.mark.parametrize(
    "signature", ["EqQBCgIYAhIM", "", None, TextCipher(b"another secret").seal("r")]
)
def test_the_signatures_of_others_are_let_through(signature: str | None) -> None:
    block = {"type": "thinking", "thinking": "r", "signature": signature}
    assert echoed(block) == "r"
    assert echoed(block | {"thinking": ""}) is None


def test_every_block_of_thinking_has_its_own_seal() -> None:
    deltas = [*reasoning("one"), *text("a"), *reasoning("two"), *text("b")]
    thoughts = [block for block in blocks(deltas, OMITTED) if block["type"] == "thinking"]
    assert [CIPHER.unseal(block["signature"]) for block in thoughts] == ["one", "two"]
    assert echoed(*thoughts) == "one\ntwo"


@pytest.mark.parametrize("given", [THINKING, OMITTED])
def test_a_stream_signs_as_the_final_object_does(given: JsonObject) -> None:
    found = events(streamed(SEALING, call_of(SEALING, body(**given, stream=True)), DELTAS))
    (signed,) = [
        event["delta"]["signature"]
        for event in found
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "signature_delta"
    ]
    assert signed == blocks(DELTAS, given)[0]["signature"]
    assert CIPHER.unseal(signed) == "let me see"
