"""Output items while they are streamed: each knows the events that open, extend and end it."""

from __future__ import annotations

from forebay.dialects.answer import ToolCall
from forebay.dialects.cipher import Cipher
from forebay.dialects.custom_tools import InputReader
from forebay.dialects.responses_output import (
    IN_PROGRESS,
    message_item,
    reasoning_item,
    reasoning_part,
    refusal_part,
    response_logprobs,
    text_part,
    tool_call_item,
)
from forebay.dialects.tool_names import ToolName
from forebay.dialects.turn import JsonObject, ToolCallPiece
from forebay.dialects.wire import encode, event


class Events:
    """Makes the events of one stream, numbered without a gap; `number` is the next one's."""

    __slots__ = ("number", "response_id")

    def __init__(self, response_id: str, number: int = 0) -> None:
        self.response_id = response_id
        self.number = number

    def event(self, kind: str, fields: JsonObject) -> bytes:
        """Return the next event."""
        number = self.number
        self.number += 1
        return event(kind, {"type": kind, "sequence_number": number, **fields})


class _DeltaEvent:
    """An event that comes once a token: all but its text and its number is made once."""

    __slots__ = ("_events", "_head")

    def __init__(self, events: Events, kind: str, place: JsonObject) -> None:
        self._events = events
        fields = encode({"type": kind, **place})
        self._head = b'event: %s\ndata: %s,"delta":' % (kind.encode(), fields[:-1])

    def of(self, text: str, tail: bytes = b"") -> bytes:
        number = self._events.number
        self._events.number = number + 1
        return b'%s%s%s,"sequence_number":%d}\n\n' % (self._head, encode(text), tail, number)


class ReasoningInProgress:
    """A reasoning item with one part of reasoning text."""

    def __init__(self, events: Events, index: int, cipher: Cipher | None) -> None:
        self._events = events
        self._index = index
        self._cipher = cipher
        self._item = reasoning_item(events.response_id, index, None, status=IN_PROGRESS)
        self._place: JsonObject = {
            "item_id": self._item["id"],
            "output_index": index,
            "content_index": 0,
        }
        self._delta = _DeltaEvent(events, "response.reasoning_text.delta", self._place)
        self._parts: list[str] = []

    def open(self, out: list[bytes]) -> None:
        """Add the events that begin the item and its part."""
        item: JsonObject = {"output_index": self._index, "item": self._item}
        out.append(self._events.event("response.output_item.added", item))
        part = self._place | {"part": reasoning_part("")}
        out.append(self._events.event("response.content_part.added", part))

    def write(self, out: list[bytes], text: str) -> None:
        """Add the event of one more piece of text."""
        self._parts.append(text)
        out.append(self._delta.of(text))

    def close(self, out: list[bytes], *, status: str) -> None:
        """Add the events that end the part and the item."""
        events, text = self._events, "".join(self._parts)
        out.append(events.event("response.reasoning_text.done", self._place | {"text": text}))
        part = self._place | {"part": reasoning_part(text)}
        out.append(events.event("response.content_part.done", part))
        item = reasoning_item(
            events.response_id, self._index, text, status=status, cipher=self._cipher
        )
        done: JsonObject = {"output_index": self._index, "item": item}
        out.append(events.event("response.output_item.done", done))


class MessageInProgress:
    """A message; its parts of text and of refusal follow each other."""

    def __init__(self, events: Events, index: int, *, likeliest: int) -> None:
        self._events = events
        self._index = index
        self._likeliest = likeliest
        self._item = message_item(events.response_id, index, [], status=IN_PROGRESS)
        self._content: list[JsonObject] = []
        self._text: _DeltaEvent | None = None
        self._refusal: _DeltaEvent | None = None
        self._parts: list[str] = []
        self._logprobs: list[JsonObject] = []

    @property
    def is_text_open(self) -> bool:
        """Whether the open part is one of text."""
        return self._text is not None

    def open(self, out: list[bytes]) -> None:
        """Add the event that begins the item."""
        item: JsonObject = {"output_index": self._index, "item": self._item}
        out.append(self._events.event("response.output_item.added", item))

    def go_on(self, text: str) -> None:
        """Take up a message whose events are out: this text, in a first part that is open."""
        self._parts.append(text)
        self._text = self._text_delta()

    def write_text(self, out: list[bytes], text: str, logprobs: tuple[JsonObject, ...]) -> None:
        """Add the event of one more piece of text, and those that begin its part."""
        delta = self._text
        if delta is None:
            self._close_part(out)
            self._begin_part(out, text_part("", []))
            delta = self._text = self._text_delta()
        self._parts.append(text)
        if not logprobs:
            out.append(delta.of(text, b',"logprobs":[]'))
            return
        shown = response_logprobs(list(logprobs), likeliest=self._likeliest)
        self._logprobs.extend(shown)
        out.append(delta.of(text, b',"logprobs":' + encode(shown)))

    def write_refusal(self, out: list[bytes], text: str) -> None:
        """Add the event of one more piece of refusal, and those that begin its part."""
        if self._refusal is None:
            self._close_part(out)
            self._begin_part(out, refusal_part(""))
            self._refusal = _DeltaEvent(self._events, "response.refusal.delta", self._place())
        self._parts.append(text)
        out.append(self._refusal.of(text))

    def close(self, out: list[bytes], *, status: str) -> None:
        """Add the events that end the open part and the item."""
        self._close_part(out)
        item = message_item(self._events.response_id, self._index, self._content, status=status)
        done: JsonObject = {"output_index": self._index, "item": item}
        out.append(self._events.event("response.output_item.done", done))

    def _text_delta(self) -> _DeltaEvent:
        return _DeltaEvent(self._events, "response.output_text.delta", self._place())

    def _begin_part(self, out: list[bytes], part: JsonObject) -> None:
        fields = self._place() | {"part": part}
        out.append(self._events.event("response.content_part.added", fields))

    def _close_part(self, out: list[bytes]) -> None:
        text = "".join(self._parts)
        place = self._place()
        if self._text is not None:
            part = text_part(text, self._logprobs)
            fields = place | {"text": text, "logprobs": self._logprobs}
            out.append(self._events.event("response.output_text.done", fields))
        elif self._refusal is not None:
            part = refusal_part(text)
            out.append(self._events.event("response.refusal.done", place | {"refusal": text}))
        else:
            return
        out.append(self._events.event("response.content_part.done", place | {"part": part}))
        self._content.append(part)
        self._text = self._refusal = None
        self._parts = []
        self._logprobs = []

    def _place(self) -> JsonObject:
        return {
            "item_id": self._item["id"],
            "output_index": self._index,
            "content_index": len(self._content),
        }


class ToolCallInProgress:
    """A call of a function or of a custom tool; the piece that begins it brings its id and name."""

    def __init__(
        self, events: Events, index: int, first: ToolCallPiece, *, named: ToolName | None
    ) -> None:
        self.index = index
        self._events = events
        self._call = ToolCall(id=first.id or "", name=first.name or "", arguments="")
        self._named = named
        is_custom = named is not None and named.is_custom
        self._item = self._render(IN_PROGRESS)
        self._place: JsonObject = {"item_id": self._item["id"], "output_index": index}
        kind = "custom_tool_call_input" if is_custom else "function_call_arguments"
        self._kind = f"response.{kind}"
        self._delta = _DeltaEvent(events, f"{self._kind}.delta", self._place)
        self._reader = InputReader() if is_custom else None
        self._parts: list[str] = []

    def open(self, out: list[bytes]) -> None:
        """Add the event that begins the item."""
        item: JsonObject = {"output_index": self.index, "item": self._item}
        out.append(self._events.event("response.output_item.added", item))

    def write(self, out: list[bytes], piece: ToolCallPiece) -> None:
        """Add the event of one more piece of the arguments, or of the input in them."""
        # A name may come late; the id cannot change any more.
        self._call.name = piece.name or self._call.name
        if piece.arguments:
            self._parts.append(piece.arguments)
            reader = self._reader
            self._show(out, piece.arguments if reader is None else reader.feed(piece.arguments))

    def close(self, out: list[bytes], *, status: str) -> None:
        """Add the events that end the arguments and the item."""
        if self._reader is not None:
            self._show(out, self._reader.end())
        self._call.arguments = "".join(self._parts)
        item = self._render(status)
        fields = (
            {"name": item["name"], "arguments": item["arguments"]}
            if self._reader is None
            else {"input": item["input"]}
        )
        out.append(self._events.event(f"{self._kind}.done", self._place | fields))
        done: JsonObject = {"output_index": self.index, "item": item}
        out.append(self._events.event("response.output_item.done", done))

    def _show(self, out: list[bytes], text: str) -> None:
        if text:
            out.append(self._delta.of(text))

    def _render(self, status: str) -> JsonObject:
        return tool_call_item(
            self._events.response_id,
            self.index,
            self._call,
            status=status,
            named=self._named,
        )
