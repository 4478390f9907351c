"""Messages: the message object, as the official SDK reads it."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.requests import RequestStatus
from forebay.core.windows import Band
from forebay.dialects.turn import Delta
from tests.dialects.calls import ID_BODY, call_of, finish, outcome_of, reasoning, text
from tests.dialects.messages_calls import DIALECT, THINKING, body, final, read


def test_the_sdk_reads_a_message() -> None:
    message = read([*text("Hel", "lo"), *finish()])
    assert message.id == f"msg_{ID_BODY}"
    assert [block.model_dump(exclude_none=True) for block in message.content] == [
        {"type": "text", "text": "Hello"}
    ]
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)


def test_input_tokens_leave_out_what_the_cache_had() -> None:
    usage = read(finish()).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (12, 8)
    assert (usage.cache_creation_input_tokens, usage.output_tokens) == (0, 12)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 5


def test_thinking_is_shown_to_those_who_asked_for_it() -> None:
    deltas = [*reasoning("r"), *text("a"), *finish()]
    assert [block.type for block in read(deltas).content] == ["text"]
    shown = read(deltas, body(**THINKING)).content[0]
    assert shown.type == "thinking"
    assert shown.thinking == "r"
    assert shown.signature


def test_thinking_may_be_shown_without_its_text() -> None:
    given = body(thinking={"type": "adaptive", "display": "omitted"})
    block = final([*reasoning("r"), *text("a")], given)["content"][0]
    assert (block["type"], block["thinking"]) == ("thinking", "")


def test_hidden_thinking_leaves_no_seam_in_the_text() -> None:
    blocks = final([*text("a"), *reasoning("r"), *text("b")])["content"]
    assert [block["text"] for block in blocks] == ["ab"]


@pytest.mark.parametrize(
    ("finish_reason", "stop_reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")],
)
def test_finish_reasons_are_said_in_anthropics_words(finish_reason: str, stop_reason: str) -> None:
    assert final([*text("a"), *finish(finish_reason)])["stop_reason"] == stop_reason


def test_a_refusal_is_text_with_its_own_stop_reason() -> None:
    message = final([Delta(refusal="no"), *finish()])
    assert message["content"][0]["text"] == "no"
    assert message["stop_reason"] == "refusal"


def test_a_stop_sequence_is_named_where_the_engine_tells() -> None:
    deltas = [*text("a"), Delta(finish_reason="stop", stop_sequence="END")]
    message = final(deltas, body(stop_sequences=["END"]))
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "END")
    assert final(deltas)["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("band", "shown"),
    [(Band.INTERACTIVE, "standard"), (Band.DEADLINE, "standard"), (Band.BULK, "batch")],
)
def test_the_service_tier_is_in_anthropics_words(band: Band, shown: str) -> None:
    call = call_of(DIALECT, body(), band=band)
    message: dict[str, Any] = DIALECT.final(call, outcome_of(text("a")))
    assert message["usage"]["service_tier"] == shown


def test_our_own_fields_are_under_one_key_and_absent_where_empty() -> None:
    assert "forebay" not in final(text("a"))
    assert final(text("a"), extension={"window": "asap"})["forebay"] == {"window": "asap"}


def test_a_cut_message_says_so() -> None:
    message = final([*text("a"), *finish("length")], status=RequestStatus.INCOMPLETE)
    assert message["stop_reason"] == "max_tokens"
