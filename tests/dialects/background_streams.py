"""What the tests of background streams share: attempts that are cut off, and strict readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import Outcome
from forebay.dialects.kept_stream import text_so_far
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import Delta, JsonObject
from tests.dialects.calls import FINISHED_AT, USAGE, Event, call_of, events

DIALECT = ResponsesDialect()
BODY: JsonObject = {
    "model": "m",
    "input": "hi",
    "stream": True,
    "background": True,
    "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "shell"}],
}
CALL = call_of(DIALECT, BODY)
EXTENSION: JsonObject = {"window": "standard", "deadline_at": 1_760_000_300}

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@dataclass(slots=True)
class Stream:
    """A background stream whose kept events grow, attempt by attempt."""

    kept: bytes = field(
        default_factory=lambda: DIALECT.queued(
            CALL, Outcome(status=RequestStatus.QUEUED, extension=EXTENSION)
        )
    )

    def cut(self, deltas: list[Delta], *, goes_on: bool = False, at: int | None = None) -> Stream:
        """Run an attempt up to all its deltas, of which the events before `at` are kept."""
        writer = DIALECT.resumed(CALL, self.kept, goes_on=goes_on)
        told = writer.begin() + b"".join([writer.write([delta]) for delta in deltas])
        self.kept += b"".join(frames(told)[:at])
        return self

    def cut_at_the_end(self, deltas: list[Delta], *, at: int, goes_on: bool = False) -> Stream:
        """Run an attempt to its end, of which the terminal event and all from `at` on are lost."""
        self.kept += b"".join(frames(self._whole(deltas, goes_on=goes_on))[:-1][:at])
        return self

    def end(
        self,
        deltas: list[Delta],
        status: RequestStatus = RequestStatus.COMPLETED,
        *,
        goes_on: bool = False,
        **others: Any,
    ) -> bytes:
        """Run the last attempt; return the whole stream as it is read out."""
        whole = self._whole(deltas, status, goes_on=goes_on, **others)
        return self.kept + whole + b"data: [DONE]\n\n"

    def end_without_a_worker(self, outcome: Outcome) -> bytes:
        """Return the whole stream of what was ended from outside."""
        last = DIALECT.last_event(CALL, outcome, len(frames(self.kept)))
        return self.kept + last + b"data: [DONE]\n\n"

    def _whole(
        self,
        deltas: list[Delta],
        status: RequestStatus = RequestStatus.COMPLETED,
        *,
        goes_on: bool,
        **others: Any,
    ) -> bytes:
        writer = DIALECT.resumed(CALL, self.kept, goes_on=goes_on)
        answer = Answer()
        if goes_on:
            text = text_so_far(self.kept)
            assert text is not None
            answer.add(Delta(text=text.text))
        told = writer.begin()
        for delta in [*deltas, Delta(usage=USAGE)]:
            answer.add(delta)
            told += writer.write([delta])
        outcome = Outcome(
            status=status,
            answer=answer,
            finished_at=FINISHED_AT,
            first_index=writer.first_index,
            **others,
        )
        told += writer.close(outcome)
        assert writer.next_number == len(frames(self.kept)) + len(frames(told))
        return told


def frames(stream: bytes) -> list[bytes]:
    """Return the events of a stream, each as its bytes."""
    return [frame + b"\n\n" for frame in stream.split(b"\n\n")[:-1]]


def check_with_the_sdk(stream: bytes) -> None:
    """Check each event against the SDK's types, and all of them by its accumulating reader."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events(stream):
        state.handle_event(_EVENT.validate_python(event, strict=True))


def of_type(found: Iterable[Event], kind: str) -> list[Event]:
    """Return the events of one type."""
    return [event for event in found if event["type"] == f"response.{kind}"]


def check_is_well_formed(stream: bytes) -> None:
    """Check the numbers, and that each item is added once, then told, then done once."""
    found = events(stream)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"] for event in found[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    added = [event["output_index"] for event in of_type(found, "output_item.added")]
    assert added == list(range(len(added)))
    for index in added:
        _check_item([event for event in found if event.get("output_index") == index])


def _check_item(told: list[Event]) -> None:
    first, *middle, last = [event["type"].removeprefix("response.") for event in told]
    assert (first, last) == ("output_item.added", "output_item.done")
    assert not {first, last} & set(middle)
    assert {event.get("item_id") for event in told[1:-1]} <= {told[0]["item"]["id"]}
    item = told[-1]["item"]
    if "call_id" in item:
        name = "input" if item["type"] == "custom_tool_call" else "arguments"
        assert _joined(told[1:-2]) == told[-2][name] == item[name]
        return
    for index, part in enumerate(item["content"]):
        opened, *deltas, whole, done = [e for e in told if e.get("content_index") == index]
        name = "refusal" if part["type"] == "refusal" else "text"
        assert opened["type"] == "response.content_part.added"
        assert _joined(deltas) == whole[name] == part[name]
        assert done["part"] == part
    assert len(of_type(told, "content_part.done")) == len(item["content"])


def _joined(deltas: list[Event]) -> str:
    assert all(event["type"].endswith(".delta") for event in deltas)
    return "".join([event["delta"] for event in deltas])
