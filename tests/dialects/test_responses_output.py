"""Responses: the items of the output, their ids, parts and statuses."""

from __future__ import annotations

import pytest

from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from tests.dialects.calls import ID_BODY, finish, outcome_of, reasoning, text, tool_call
from tests.dialects.responses_calls import body, final, read


def test_items_come_in_the_order_of_the_output() -> None:
    deltas = [
        *reasoning("r"),
        *text("a"),
        *tool_call(0, "c1", "f", "{}"),
        *tool_call(1, None, "g", "{}"),
        *finish("tool_calls"),
    ]
    output = read(outcome_of(deltas)).output
    assert [item.type for item in output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert [item.id for item in output] == [
        f"rs_{ID_BODY}_0",
        f"msg_{ID_BODY}_1",
        f"fc_{ID_BODY}_2",
        f"fc_{ID_BODY}_3",
    ]


def test_a_call_without_an_id_of_the_engine_gets_one() -> None:
    item = final(outcome_of(tool_call(0, None, "f", "{}")))["output"][0]
    assert item["call_id"] == f"call_{ID_BODY}_0"


def test_a_refusal_is_a_part_of_its_own() -> None:
    message = final(outcome_of([*text("a"), Delta(refusal="no")]))["output"][0]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_the_bytes_of_logprobs_are_filled_in() -> None:
    top = {"token": "b", "logprob": -2.0, "bytes": None}
    token = {"token": "\u00fc", "logprob": -1.0, "bytes": None, "top_logprobs": [top]}
    given = body(include=["message.output_text.logprobs"], top_logprobs=1)
    message = read(outcome_of([Delta(text="\u00fc", logprobs=(token,))]), given).output[0]
    assert message.type == "message"
    assert message.content[0].type == "output_text"
    assert message.content[0].logprobs is not None
    assert message.content[0].logprobs[0].bytes == [0xC3, 0xBC]
    assert message.content[0].logprobs[0].top_logprobs[0].bytes == [98]


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_incomplete_response_says_why_and_its_last_item_is_incomplete(
    finish_reason: str, reason: str
) -> None:
    deltas = [*reasoning("r"), *text("a"), *finish(finish_reason)]
    response = final(outcome_of(deltas, RequestStatus.INCOMPLETE))
    assert response["incomplete_details"] == {"reason": reason}
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    assert response["completed_at"] is None
    assert response["usage"]["output_tokens"] == 12


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.CANCELLED])
def test_waiting_and_cancelled_responses_have_no_output(status: RequestStatus) -> None:
    response = final(outcome_of(text("a"), status))
    assert response["output"] == []
    assert response["completed_at"] is None
