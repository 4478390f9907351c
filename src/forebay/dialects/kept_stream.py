"""What the kept events of a background stream tell to the attempt that comes behind them.

They may end behind any event: a worker can die between any two. The stream does not say where an
attempt begins. One that starts over closes what the last one left open, and only that is closed as
`incomplete` before the end; where nothing was left open, two attempts look like one, which costs no
more than starting over once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from forebay.dialects.responses_items import Events
from forebay.dialects.responses_output import INCOMPLETE
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import payloads


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptText:
    """A text that may be gone on with, and how many deltas told it."""

    text: str
    delta_count: int


@dataclass(slots=True, kw_only=True)
class KeptItem:
    """An open item as far as its events are kept.

    `content` are its parts that are done, `part` the one that is not, as it was added. `pieces` and
    `logprobs` are what the deltas of that part, or of a call, have told.
    """

    index: int
    item: JsonObject
    content: list[JsonObject] = field(default_factory=list)
    part: JsonObject | None = None
    pieces: list[str] = field(default_factory=list)
    logprobs: list[JsonObject] = field(default_factory=list)
    is_told: bool = False  # the event that tells all the pieces at once is there

    @property
    def open_text(self) -> KeptText | None:
        """The item's text, if it is a message with one part of text that is open, and no more."""
        part = self.part
        if part is None or part["type"] != "output_text" or self.content or self.is_told:
            return None
        if self.logprobs or not self.pieces:
            return None
        return KeptText(text="".join(self.pieces), delta_count=len(self.pieces))

    def close(self, events: Events, out: list[bytes], *, is_json: bool) -> None:
        """Add the events that end the item as incomplete, less those that are there.

        Where text `is_json`, the event that tells all of it is left out: OpenAI's client reads that
        one as the caller's own type, and what was cut off breaks it.
        """
        text = "".join(self.pieces)
        if self.item["type"] in _CALLS:
            told = self._close_call(events, out, text)
        else:
            self._close_part(events, out, text, is_json=is_json)
            told = {"content": self.content}
        item = {**self.item, "status": INCOMPLETE, **told}
        done: JsonObject = {"output_index": self.index, "item": item}
        out.append(events.event("response.output_item.done", done))

    def _close_call(self, events: Events, out: list[bytes], text: str) -> JsonObject:
        kind, name = _CALLS[self.item["type"]]
        told: JsonObject = {name: text}
        if not self.is_told:
            named = {"name": self.item["name"]} if name == "arguments" else {}
            out.append(events.event(f"response.{kind}.done", self._place() | named | told))
        return told

    def _close_part(self, events: Events, out: list[bytes], text: str, *, is_json: bool) -> None:
        if self.part is None:
            return
        kind = self.part["type"]
        told: JsonObject = {"refusal" if kind == "refusal" else "text": text}
        if kind == "output_text":
            told["logprobs"] = self.logprobs
        place = self._place() | {"content_index": len(self.content)}
        if not self.is_told and not (is_json and kind == "output_text"):
            out.append(events.event(f"response.{kind}.done", place | told))
        part = self.part | told
        out.append(events.event("response.content_part.done", place | {"part": part}))
        self.content.append(part)

    def _place(self) -> JsonObject:
        return {"item_id": self.item["id"], "output_index": self.index}


@dataclass(slots=True, kw_only=True)
class KeptStream:
    """Where a stream stands whose events are kept.

    `has_begun` tells whether its response has been in progress, `extension` what stood under
    `forebay` then. `attempt_index` is where the items of the last attempt begin.
    """

    next_number: int = 0
    next_index: int = 0
    attempt_index: int = 0
    has_begun: bool = False
    extension: JsonObject = field(default_factory=dict)
    open_items: dict[int, KeptItem] = field(default_factory=dict)

    @property
    def open_text(self) -> KeptText | None:
        """The text that may be gone on with: that of a last attempt that told nothing else."""
        item = self.open_items.get(self.attempt_index)
        is_alone = self.next_index == self.attempt_index + 1
        return item.open_text if item is not None and is_alone else None

    def add(self, event: _Event) -> None:
        """Take note of the next event."""
        self.next_number = event.sequence_number + 1
        if event.response is not None:
            self.has_begun = self.has_begun or event.type == "response.in_progress"
            extension = event.response.get("forebay")
            self.extension = extension if isinstance(extension, dict) else {}
        elif event.type == "response.output_item.added":
            self.next_index = event.output_index + 1
            self.open_items[event.output_index] = KeptItem(
                index=event.output_index, item=event.item
            )
        elif event.type == "response.output_item.done":
            del self.open_items[event.output_index]
            if event.item["status"] == INCOMPLETE:
                self.attempt_index = max(self.attempt_index, event.output_index + 1)
        else:
            _extend(self.open_items[event.output_index], event)


def read_kept(kept: bytes) -> KeptStream:
    """Return where the stream with these kept events stands."""
    stream = KeptStream()
    for payload in payloads(kept):
        stream.add(_events.decode(payload))
    return stream


def text_so_far(kept: bytes) -> KeptText | None:
    """Return the text that the next attempt may go on with, None where it must start over.

    There is one if the last attempt told nothing but text, without logprobs, and was cut off in it.
    """
    return read_kept(kept).open_text


_CALLS: dict[object, tuple[str, str]] = {
    "function_call": ("function_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
}


class _Event(msgspec.Struct):
    type: str
    sequence_number: int
    output_index: int = 0
    response: JsonObject | None = None
    item: JsonObject = {}
    part: JsonObject = {}
    delta: str = ""
    logprobs: list[JsonObject] = []


_events = msgspec.json.Decoder(_Event)


def _extend(item: KeptItem, event: _Event) -> None:
    if event.type == "response.content_part.added":
        item.part = event.part
    elif event.type == "response.content_part.done":
        item.content.append(event.part)
        item.part, item.is_told = None, False
        item.pieces, item.logprobs = [], []
    elif event.type.endswith(".delta"):
        item.pieces.append(event.delta)
        item.logprobs.extend(event.logprobs)
    else:
        item.is_told = True
