"""The events of a streamed response.

One item of reasoning or text is open at a time; tool calls stay open beside it until the end,
because engines may send the pieces of parallel calls in any order. Text is the hot path: its event
is put together from bytes made once an item.

The events of a background stream are kept, and each attempt at it has a writer that goes on behind
them: numbers and output indexes rise over all attempts, and no item is left open by the end.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from forebay.core.errors import ForebayError
from forebay.core.requests import RequestStatus
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, Outcome
from forebay.dialects.errors import openai_error
from forebay.dialects.kept_stream import KeptStream
from forebay.dialects.responses_items import (
    Events,
    MessageInProgress,
    ReasoningInProgress,
    ToolCallInProgress,
)
from forebay.dialects.responses_object import response_object
from forebay.dialects.responses_output import (
    COMPLETED,
    INCOMPLETE,
    keeps_call_ids,
    reasoning_cipher,
    wanted_likeliest,
)
from forebay.dialects.tool_names import tool_names
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece
from forebay.dialects.wire import DONE


class ResponsesWriter:
    """Writes the events of one response, from `response.created` to the terminal one.

    With `kept` events it writes those of one more attempt, which `goes_on` with their text or
    starts over.
    """

    def __init__(
        self,
        call: Call,
        cipher: Cipher | None = None,
        *,
        kept: KeptStream | None = None,
        goes_on: bool = False,
    ) -> None:
        self._call = call
        self._cipher = cipher
        self._item_cipher = reasoning_cipher(call, cipher)
        self._names = tool_names(call.body.get("tools"))
        self._likeliest = wanted_likeliest(call)
        self._events = Events(call.id)
        self._reasoning: ReasoningInProgress | None = None
        self._message: MessageInProgress | None = None
        self._tool_calls: list[ToolCallInProgress] = []
        self._item_count = 0
        self._kept = kept
        self._goes_on = goes_on
        if kept is not None:
            self._events.number = kept.next_number
            self._item_count = kept.next_index
        self._first_index = self._item_count
        if goes_on:
            self._take_up_message()

    @property
    def next_number(self) -> int:
        """The number that the next event gets."""
        return self._events.number

    @property
    def first_index(self) -> int:
        """Where the items of this attempt begin in the stream (see `Outcome`)."""
        return self._first_index

    def open(self) -> bytes:
        """Return `response.created` and `response.in_progress`."""
        response = response_object(self._call, Outcome(status=RequestStatus.IN_PROGRESS))
        fields: JsonObject = {"response": response}
        return self._events.event("response.created", fields) + self._events.event(
            "response.in_progress", fields
        )

    def begin(self) -> bytes:
        """Return what comes first in an attempt behind kept events.

        The first attempt shows the response in progress; one that starts over ends the items that
        the last one left open.
        """
        assert self._kept is not None, "a stream that is not kept is opened"
        out: list[bytes] = []
        if not self._kept.has_begun:
            outcome = Outcome(status=RequestStatus.IN_PROGRESS, extension=self._kept.extension)
            response = response_object(self._call, outcome)
            out.append(self._events.event("response.in_progress", {"response": response}))
        if not self._goes_on:
            is_json = _is_json(self._call.body)
            # The last one first: cut off in between, what is left open is not taken for a text
            # that stood alone.
            for item in reversed(self._kept.open_items.values()):
                item.close(self._events, out, is_json=is_json)
        return b"".join(out)

    def write(self, deltas: list[Delta]) -> bytes:
        """Return the events for these deltas."""
        out: list[bytes] = []
        for delta in deltas:
            if delta.reasoning:
                self._write_reasoning(out, delta.reasoning)
            # What is likely of a refusal is shown nowhere.
            if delta.text or (delta.logprobs and not delta.refusal and self._is_text_open()):
                self._open_message(out).write_text(out, delta.text, delta.logprobs)
            if delta.refusal:
                self._open_message(out).write_refusal(out, delta.refusal)
            for piece in delta.tool_calls:
                self._write_piece(out, piece)
        return b"".join(out)

    def refuse(self, error: ForebayError) -> bytes:
        """Return the lone `error` event of a response that has not been created.

        Flat as OpenAI's document has it, and nested as its own client raises it.
        """
        told = openai_error(error).body["error"]
        assert isinstance(told, dict)
        fields = {name: told[name] for name in ("code", "message", "param")}
        return self._events.event("error", fields | {"error": told}) + DONE

    def close(self, outcome: Outcome) -> bytes:
        """Return what ends the open items, the one terminal event, and `[DONE]`.

        Behind kept events that last one is left out: it has no number, and whoever reads them out
        adds it.
        """
        out: list[bytes] = []
        is_completed = outcome.status is RequestStatus.COMPLETED
        self._close_items(out, last_status=COMPLETED if is_completed else INCOMPLETE)
        out.append(terminal_event(self._call, outcome, self._events, self._cipher))
        if self._kept is None:
            out.append(DONE)
        return b"".join(out)

    def _take_up_message(self) -> None:
        text = None if self._kept is None else self._kept.open_text
        assert text is not None, "there is a text to go on with"
        self._first_index = self._item_count - 1
        self._message = MessageInProgress(
            self._events, self._first_index, likeliest=self._likeliest
        )
        self._message.go_on(text.text)

    def _write_reasoning(self, out: list[bytes], text: str) -> None:
        if self._reasoning is None:
            self._close_message(out, status=COMPLETED)
            self._reasoning = ReasoningInProgress(
                self._events, self._next_index(), self._item_cipher
            )
            self._reasoning.open(out)
        self._reasoning.write(out, text)

    def _open_message(self, out: list[bytes]) -> MessageInProgress:
        if self._message is None:
            self._close_reasoning(out, status=COMPLETED)
            self._message = MessageInProgress(
                self._events, self._next_index(), likeliest=self._likeliest
            )
            self._message.open(out)
        return self._message

    def _write_piece(self, out: list[bytes], piece: ToolCallPiece) -> None:
        if piece.index == len(self._tool_calls):
            self._close_reasoning(out, status=COMPLETED)
            self._close_message(out, status=COMPLETED)
            if not keeps_call_ids(self._first_index):
                piece = msgspec.structs.replace(piece, id=None)
            tool_call = ToolCallInProgress(
                self._events, self._next_index(), piece, named=self._names.get(piece.name or "")
            )
            tool_call.open(out)
            self._tool_calls.append(tool_call)
        self._tool_calls[piece.index].write(out, piece)

    def _close_items(self, out: list[bytes], *, last_status: str) -> None:
        last = self._item_count - 1
        for tool_call in self._tool_calls:
            tool_call.close(out, status=last_status if tool_call.index == last else COMPLETED)
        self._close_reasoning(out, status=last_status)
        self._close_message(out, status=last_status)

    def _close_reasoning(self, out: list[bytes], *, status: str) -> None:
        if self._reasoning is not None:
            self._reasoning.close(out, status=status)
            self._reasoning = None

    def _close_message(self, out: list[bytes], *, status: str) -> None:
        if self._message is not None:
            self._message.close(out, status=status)
            self._message = None

    def _is_text_open(self) -> bool:
        return self._message is not None and self._message.is_text_open

    def _next_index(self) -> int:
        self._item_count += 1
        return self._item_count - 1


def queued_events(call: Call, outcome: Outcome) -> bytes:
    """Return `response.created` and `response.queued`, the first two events of a stream."""
    assert outcome.status is RequestStatus.QUEUED, "a stream begins as queued"
    events = Events(call.id)
    fields: JsonObject = {"response": response_object(call, outcome)}
    return events.event("response.created", fields) + events.event("response.queued", fields)


def terminal_event(
    call: Call, outcome: Outcome, events: Events, cipher: Cipher | None = None
) -> bytes:
    """Return the event that ends a stream, with the final object."""
    response: JsonObject = {"response": response_object(call, outcome, cipher)}
    match outcome.status:
        case RequestStatus.COMPLETED:
            return events.event("response.completed", response)
        case RequestStatus.INCOMPLETE:
            return events.event("response.incomplete", response)
        case RequestStatus.FAILED | RequestStatus.CANCELLED:
            # There is no event for a cancelled response: the object in it tells.
            return events.event("response.failed", response)
        case RequestStatus.QUEUED | RequestStatus.IN_PROGRESS:
            raise AssertionError("a stream is closed with a final status")
        case _:
            assert_never(outcome.status)


def _is_json(body: JsonObject) -> bool:
    wanted = body.get("text")
    shape = wanted.get("format") if isinstance(wanted, dict) else None
    return isinstance(shape, dict) and shape.get("type") == "json_schema"
