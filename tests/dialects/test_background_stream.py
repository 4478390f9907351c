"""The events of background streams over several attempts, one by one and by the official helper."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from openai.types.responses import ParsedResponse

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import Expired
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.background_streams import BODY, CALL, DIALECT, EXTENSION, Stream, of_type
from tests.dialects.calls import (
    FINISHED_AT,
    ID_BODY,
    Event,
    call_of,
    events,
    finish,
    outcome_of,
    reasoning,
    text,
    tool_call,
)
from tests.dialects.sdks import openai_reading

HALF_A_CALL = tool_call(0, "c1", "f", '{"a"')
A_CALL = tool_call(0, "c1", "f", "{}")


def helped(whole: bytes, **wanted: Any) -> ParsedResponse[Any]:
    """Return the response that the official helper puts together."""
    with (
        openai_reading(whole) as client,
        client.responses.stream(model="m", input="hi", background=True, **wanted) as read,
    ):
        return read.get_final_response()


def types_read(whole: bytes, *, is_strict: bool = True) -> list[str]:
    """Return the types of the events that the official helper tells."""
    with (
        openai_reading(whole, is_strict=is_strict) as client,
        client.responses.stream(model="m", input="hi", background=True) as read,
    ):
        return [event.type.removeprefix("response.") for event in read]


def types(found: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def done_items(whole: bytes) -> list[tuple[str, str, str]]:
    """Return the id, the status and the words of each item that was done."""
    done = [event["item"] for event in of_type(events(whole), "output_item.done")]
    return [(item["id"], item["status"], _words(item)) for item in done]


def _words(item: dict[str, Any]) -> str:
    if "content" not in item:
        return str(item.get("arguments", item.get("input")))
    return "".join([part.get("text", part.get("refusal")) for part in item["content"]])


def test_a_stream_begins_as_queued() -> None:
    created, queued = events(Stream().kept)
    assert (created["type"], queued["type"]) == ("response.created", "response.queued")
    assert created["response"] == queued["response"]
    assert (queued["response"]["status"], queued["response"]["output"]) == ("queued", [])
    assert queued["response"]["forebay"] == EXTENSION


def test_only_the_first_attempt_shows_the_response_in_progress() -> None:
    whole = Stream().cut(text("a")).cut([]).end(text("b"))
    (begun,) = of_type(events(whole), "in_progress")
    assert begun["sequence_number"] == 2
    assert begun["response"]["status"] == "in_progress"
    assert begun["response"]["forebay"] == EXTENSION


def test_a_stream_of_one_attempt_is_that_of_a_synchronous_response() -> None:
    deltas = [*reasoning("r"), *text("Hel", "lo"), *finish()]
    assert types(events(Stream().end(deltas)))[1:] == [
        "queued",
        "in_progress",
        *["output_item.added", "content_part.added", "reasoning_text.delta"],
        *["reasoning_text.done", "content_part.done", "output_item.done"],
        *["output_item.added", "content_part.added"],
        *["output_text.delta", "output_text.delta"],
        *["output_text.done", "content_part.done", "output_item.done"],
        "completed",
    ]


def test_an_attempt_that_starts_over_ends_what_was_open_as_incomplete() -> None:
    whole = Stream().cut([*A_CALL, *text("Hel")]).end(text("Hello"))
    assert done_items(whole) == [
        (f"msg_{ID_BODY}_1", "incomplete", "Hel"),
        (f"fc_{ID_BODY}_0", "incomplete", "{}"),
        (f"msg_{ID_BODY}_2", "completed", "Hello"),
    ]


def test_what_was_done_before_stays_as_it_was() -> None:
    whole = Stream().cut([*reasoning("r"), *text("Hel")]).end(text("Hello"))
    assert done_items(whole)[0] == (f"rs_{ID_BODY}_0", "completed", "r")


def test_all_that_ends_an_open_text_is_told() -> None:
    stream = Stream().cut(text("Hel", "lo"))
    whole = stream.kept
    stream.cut([])
    text_done, part_done, item_done = events(stream.kept)[len(events(whole)) :]
    assert (text_done["type"], text_done["text"]) == ("response.output_text.done", "Hello")
    part = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    assert part_done["part"] == part
    assert item_done["item"]["content"] == [part]


def test_all_that_ends_an_open_call_is_told() -> None:
    stream = Stream().cut(HALF_A_CALL)
    length = len(events(stream.kept))
    arguments_done, item_done = events(stream.cut([]).kept)[length:]
    assert arguments_done["type"] == "response.function_call_arguments.done"
    assert (arguments_done["name"], arguments_done["arguments"]) == ("f", '{"a"')
    assert item_done["item"]["call_id"] == "c1"


def test_the_input_of_an_open_custom_call_is_what_was_shown_of_it() -> None:
    whole = Stream().cut(tool_call(0, "c1", "shell", '{"input": "l', "s")).end(text("a"))
    assert done_items(whole)[0] == (f"ctc_{ID_BODY}_0", "incomplete", "ls")
    (done,) = of_type(events(whole), "custom_tool_call_input.done")
    assert done["input"] == "ls"


def test_a_part_that_has_not_begun_is_not_ended() -> None:
    whole = Stream().cut(text("a"), at=2).end(text("b"))
    assert done_items(whole)[0] == (f"msg_{ID_BODY}_0", "incomplete", "")
    assert len(of_type(events(whole), "content_part.done")) == 1


@pytest.mark.parametrize("at", range(8))
def test_what_was_told_is_not_told_again(at: int) -> None:
    whole = Stream().cut_at_the_end([*text("a"), Delta(refusal="n")], at=at).end([])
    for kind in ("output_text.done", "refusal.done", "output_item.done"):
        assert len(of_type(events(whole), kind)) <= 1


def test_the_logprobs_of_an_open_text_are_told_at_its_end() -> None:
    token: JsonObject = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    whole = Stream().cut([Delta(text="a", logprobs=(token,))]).end([])
    (done,) = of_type(events(whole), "output_text.done")
    assert done["logprobs"] == [token]


def test_the_final_object_holds_the_attempt_that_finished_alone() -> None:
    whole = Stream().cut(text("Hel")).end(text("Hello"))
    (item,) = events(whole)[-1]["response"]["output"]
    assert (item["id"], item["content"][0]["text"]) == (f"msg_{ID_BODY}_1", "Hello")


def test_an_attempt_that_goes_on_keeps_the_item() -> None:
    whole = Stream().cut(text("Hel")).end(text("lo"), goes_on=True)
    found = events(whole)
    assert [event["delta"] for event in of_type(found, "output_text.delta")] == ["Hel", "lo"]
    assert len(of_type(found, "content_part.added")) == 1
    assert done_items(whole) == [(f"msg_{ID_BODY}_0", "completed", "Hello")]
    assert found[-1]["response"]["output"][0]["id"] == f"msg_{ID_BODY}_0"


def test_an_attempt_may_go_on_where_one_before_has_started_over() -> None:
    whole = Stream().cut(HALF_A_CALL).cut(text("Hel")).end(text("lo"), goes_on=True)
    (item,) = events(whole)[-1]["response"]["output"]
    assert (item["id"], item["content"][0]["text"]) == (f"msg_{ID_BODY}_1", "Hello")


def test_there_must_be_a_text_to_go_on_with() -> None:
    with pytest.raises(AssertionError, match="a text to go on with"):
        DIALECT.resumed(CALL, Stream().cut(HALF_A_CALL).kept, goes_on=True)


def test_a_call_that_an_engine_names_again_gets_an_id_of_its_own() -> None:
    whole = Stream().cut(A_CALL).end(A_CALL)
    ids = [event["item"]["call_id"] for event in of_type(events(whole), "output_item.done")]
    assert ids == ["c1", f"call_{ID_BODY}_1"]
    assert events(whole)[-1]["response"]["output"][0]["call_id"] == ids[1]


def test_what_has_no_number_is_left_to_who_reads_the_stream_out() -> None:
    writer = DIALECT.resumed(CALL, Stream().kept, goes_on=False)
    told = writer.begin() + writer.close(outcome_of([]))
    assert b"[DONE]" not in told
    assert len(events(told)) == writer.next_number - 2


@pytest.mark.parametrize(
    "before",
    [[], text("Hel"), HALF_A_CALL, A_CALL, reasoning("h"), [Delta(refusal="no")]],
    ids=["plain", "text", "half a call", "a call", "reasoning", "refusal"],
)
def test_the_official_helper_reads_a_stream_that_started_over(before: list[Delta]) -> None:
    response = helped(Stream().cut(before).end([*reasoning("r"), *text("Hello"), *A_CALL]))
    assert response.output_text == "Hello"
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]


def test_the_official_helper_reads_a_stream_that_went_on() -> None:
    whole = Stream().cut(text("Hel")).end(text("lo"), goes_on=True)
    assert helped(whole).output_text == "Hello"


class City(pydantic.BaseModel):
    """What a caller of the official helper may want an answer to be."""

    name: str


def test_the_official_helper_reads_a_type_of_the_caller_s_own_after_a_start_over() -> None:
    schema = {"type": "json_schema", "name": "City", "schema": City.model_json_schema()}
    dialect = ResponsesDialect()
    call = call_of(dialect, BODY | {"text": {"format": schema}})
    kept = dialect.queued(call, Outcome(status=RequestStatus.QUEUED))
    first = dialect.resumed(call, kept, goes_on=False)
    kept += first.begin() + first.write(text('{"na'))
    second = dialect.resumed(call, kept, goes_on=False)
    answer = text('{"name": "Bern"}')
    kept += second.begin() + second.write(answer)
    kept += second.close(outcome_of(answer, first_index=second.first_index))
    response = helped(kept + b"data: [DONE]\n\n", text_format=City)
    assert response.output_parsed == City(name="Bern")


def test_the_official_helper_reads_a_response_that_was_cancelled_while_it_ran() -> None:
    cancelled = Outcome(status=RequestStatus.CANCELLED, finished_at=FINISHED_AT)
    whole = Stream().cut([*A_CALL, *text("Hel")]).end_without_a_worker(cancelled)
    assert types_read(whole)[-1] == "failed"
    assert events(whole)[-1]["response"]["status"] == "cancelled"
    assert events(whole)[-1]["response"]["output"] == []


def test_the_official_helper_reads_a_response_that_expired_while_it_waited() -> None:
    expired = Outcome(
        status=RequestStatus.FAILED, finished_at=FINISHED_AT, error=Expired("too late")
    )
    whole = Stream().end_without_a_worker(expired)
    # The code is our own, which the helper takes while it is not told to be strict.
    assert types_read(whole, is_strict=False) == ["created", "queued", "failed"]
    assert events(whole)[-1]["response"]["error"]["code"] == "expired"


def test_the_official_helper_reads_a_response_that_failed_in_a_later_attempt() -> None:
    failed = EngineFailed("broken")
    whole = Stream().cut(HALF_A_CALL).end(text("Hel"), RequestStatus.FAILED, error=failed)
    assert types_read(whole)[-1] == "failed"
    assert [status for _, status, _ in done_items(whole)] == ["incomplete", "incomplete"]


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.IN_PROGRESS])
def test_a_stream_is_not_ended_before_its_response(status: RequestStatus) -> None:
    with pytest.raises(AssertionError, match="final status"):
        DIALECT.last_event(CALL, Outcome(status=status), 2)
