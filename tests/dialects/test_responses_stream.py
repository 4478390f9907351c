"""The events of a streamed response, checked one by one and through the official helper."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ParsedResponse, ResponseStreamEvent
from pydantic import TypeAdapter

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import Overloaded
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from tests.dialects.calls import (
    ID_BODY,
    Event,
    call_of,
    events,
    finish,
    outcome_of,
    reasoning,
    streamed,
    text,
    tool_call,
)
from tests.dialects.sdks import openai_reading

DIALECT = ResponsesDialect()
CALL = call_of(DIALECT, {"model": "m", "input": "hi", "stream": True})
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

ALL_KINDS = [
    *reasoning("h", "m"),
    *text("Hel", "lo"),
    *tool_call(0, "c1", "f", '{"a"', ":1}"),
    *tool_call(1, "c2", "g", "{}"),
    *finish("tool_calls"),
]


TOKEN: JsonObject = {"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}
OTHER_TOKEN: JsonObject = {**TOKEN, "token": "other"}


def stream(deltas: list[Delta], outcome: Outcome | None = None) -> list[Event]:
    return events(streamed(DIALECT, CALL, deltas, outcome))


def helped(deltas: list[Delta], outcome: Outcome | None = None) -> ParsedResponse[Any]:
    with (
        openai_reading(streamed(DIALECT, CALL, deltas, outcome)) as client,
        client.responses.stream(model="m", input="hi") as read,
    ):
        return read.get_final_response()


def done_items(found: list[Event]) -> list[Any]:
    """Return the finished items, in the order of the output."""
    done = [event for event in found if event["type"] == "response.output_item.done"]
    return [event["item"] for event in sorted(done, key=lambda event: int(event["output_index"]))]


def types(found: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_a_text_is_streamed_in_the_documented_order() -> None:
    assert types(stream([*text("Hel", "lo"), *finish()])) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_a_stream_ends_with_done() -> None:
    assert streamed(DIALECT, CALL, text("a")).endswith(b"\n\ndata: [DONE]\n\n")


def test_reasoning_is_done_before_the_text_begins() -> None:
    found = types(stream([*reasoning("r"), *text("a")]))
    assert found[2:9] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
    ]


def test_a_tool_call_closes_the_open_message() -> None:
    found = stream([*text("a"), *tool_call(0, "c1", "f", "{}")])
    closed = types(found).index("output_item.done")
    assert found[closed]["item"]["type"] == "message"
    assert found[closed + 1]["type"] == "response.output_item.added"
    assert found[closed + 1]["item"]["type"] == "function_call"


def test_the_numbers_of_the_events_have_no_gap() -> None:
    numbers = [event["sequence_number"] for event in stream(ALL_KINDS)]
    assert numbers == list(range(len(numbers)))


def test_every_event_has_the_fields_that_the_sdk_demands() -> None:
    for event in stream([*ALL_KINDS, Delta(refusal="no")]):
        EVENT.validate_python(event, strict=True)


def test_every_event_of_an_item_names_its_place() -> None:
    for event in stream(ALL_KINDS):
        if "item_id" in event:
            assert event["item_id"].endswith(f"{ID_BODY}_{event['output_index']}")


def test_arguments_are_done_with_the_name_of_the_function() -> None:
    done = [e for e in stream(ALL_KINDS) if e["type"].endswith("call_arguments.done")]
    assert [(event["name"], event["arguments"]) for event in done] == [
        ("f", '{"a":1}'),
        ("g", "{}"),
    ]


def test_the_last_event_shows_what_the_final_object_shows() -> None:
    outcome = outcome_of(ALL_KINDS, extension={"window": "asap"})
    assert stream(ALL_KINDS, outcome)[-1]["response"] == DIALECT.final(CALL, outcome)


def test_finished_items_are_those_of_the_final_object() -> None:
    found = stream(ALL_KINDS)
    assert done_items(found) == found[-1]["response"]["output"]


def test_the_first_events_show_a_response_in_progress() -> None:
    created, in_progress, *_ = stream(text("a"))
    assert created["response"] == in_progress["response"]
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["output"] == []
    assert created["response"]["usage"] is None


def test_the_official_helper_reads_every_kind_of_output() -> None:
    response = helped(ALL_KINDS)
    assert response.output_text == "Hello"
    assert [item.type for item in response.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert response.usage is not None
    assert response.usage.total_tokens == 32


def test_the_official_helper_reads_calls_whose_pieces_are_mixed() -> None:
    deltas = [
        *tool_call(0, "c1", "f", "1"),
        *tool_call(1, "c2", "g", "2"),
        Delta(tool_calls=(ToolCallPiece(0, arguments="1"), ToolCallPiece(1, arguments="2"))),
    ]
    found = [item for item in helped(deltas).output if item.type == "function_call"]
    assert [(item.call_id, item.arguments) for item in found] == [("c1", "11"), ("c2", "22")]


def test_an_answer_without_any_output_is_a_whole_stream() -> None:
    assert types(stream(finish())) == ["created", "in_progress", "completed"]
    assert helped(finish()).output == []


def test_logprobs_are_streamed_with_their_text() -> None:
    found = stream([Delta(text="a", logprobs=(TOKEN,)), *text("b")])
    expected = [TOKEN | {"bytes": [97]}]
    deltas = [event for event in found if event["type"].endswith("output_text.delta")]
    assert [event["logprobs"] for event in deltas] == [expected, []]
    done = next(event for event in found if event["type"].endswith("output_text.done"))
    assert done["logprobs"] == expected


@pytest.mark.parametrize("later", [[], text("b")], ids=["at the end", "before more text"])
def test_the_logprobs_of_a_refusal_are_shown_nowhere(later: list[Delta]) -> None:
    deltas = [Delta(text="a", logprobs=(TOKEN,)), Delta(refusal="no", logprobs=(OTHER_TOKEN,))]
    found = stream([*deltas, *later])
    assert "other" not in str(found)
    assert done_items(found) == found[-1]["response"]["output"]


def test_logprobs_that_come_behind_their_text_are_shown_with_it() -> None:
    found = stream([Delta(text="a", logprobs=(TOKEN,)), Delta(logprobs=(OTHER_TOKEN,))])
    (item,) = done_items(found)
    assert [token["token"] for token in item["content"][0]["logprobs"]] == ["a", "other"]
    assert found[-1]["response"]["output"] == [item]


def test_a_refusal_is_streamed_as_a_part_of_the_message() -> None:
    found = stream([*text("a"), Delta(refusal="n"), Delta(refusal="o")])
    done = next(event for event in found if event["type"] == "response.refusal.done")
    assert (done["refusal"], done["content_index"]) == ("no", 1)
    assert types(found).count("output_item.added") == 1


def test_a_cut_answer_ends_as_incomplete() -> None:
    deltas = [*reasoning("r"), *text("a"), *finish("length")]
    found = stream(deltas, outcome_of(deltas, RequestStatus.INCOMPLETE))
    assert found[-1]["type"] == "response.incomplete"
    done = [e["item"]["status"] for e in found if e["type"] == "response.output_item.done"]
    assert done == ["completed", "incomplete"]


def test_a_failed_answer_closes_its_items_and_ends_as_failed() -> None:
    outcome = outcome_of(text("a"), RequestStatus.FAILED, error=EngineFailed("broken"))
    found = stream(text("a"), outcome)
    assert types(found)[-2:] == ["output_item.done", "failed"]
    assert found[-1]["response"]["error"] == {"code": "server_error", "message": "broken"}


def test_a_cancelled_answer_ends_as_failed_and_its_object_tells() -> None:
    found = stream(text("a"), outcome_of(text("a"), RequestStatus.CANCELLED))
    assert found[-1]["type"] == "response.failed"
    assert found[-1]["response"]["status"] == "cancelled"
    assert found[-1]["response"]["output"] == []


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.IN_PROGRESS])
def test_a_stream_is_not_closed_before_its_answer_has_ended(status: RequestStatus) -> None:
    with pytest.raises(AssertionError, match="final status"):
        DIALECT.writer(CALL).close(Outcome(status=status))


PIECE = st.text(min_size=1, max_size=3)
LOGPROBS = st.sampled_from([(), (TOKEN,), (TOKEN, OTHER_TOKEN)])
CALL_PIECE = st.builds(ToolCallPiece, st.just(0), st.none(), st.just("f"), st.text(max_size=3))
PIECES = st.one_of(
    st.builds(Delta, text=PIECE, logprobs=LOGPROBS),
    st.builds(Delta, reasoning=PIECE, logprobs=LOGPROBS),
    st.builds(Delta, refusal=PIECE, logprobs=LOGPROBS),
    st.builds(Delta, tool_calls=st.tuples(CALL_PIECE), logprobs=LOGPROBS),
    st.builds(Delta, logprobs=LOGPROBS),
)


@given(st.lists(PIECES, max_size=8))
def test_whatever_the_order_the_items_agree_with_the_final_object(deltas: list[Delta]) -> None:
    found = stream(deltas)
    assert done_items(found) == found[-1]["response"]["output"]
    assert all(b["sequence_number"] == a["sequence_number"] + 1 for a, b in pairwise(found))


def test_a_stream_that_never_began_is_one_error_as_both_documents_have_it() -> None:
    call = call_of(DIALECT, {"model": "m", "input": "hi"})
    told = DIALECT.writer(call).refuse(Overloaded("busy"))
    (event,) = events(told)
    assert (event["type"], event["sequence_number"], event["message"]) == ("error", 0, "busy")
    assert event["error"]["code"] == event["code"] == "rate_limit_exceeded"
    assert told.endswith(b"data: [DONE]\n\n")
