"""What one stream's caller received: read only when the run is over, so that reading costs nothing.

An event has arrived when its last byte has. Events that arrive together have no time between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from httptools import HttpParserError, HttpResponseParser

from bench.chunk import STREAM_END, Chunk, decode_chunk

_EVENT_START = b"data: "
_SHOWN_BYTES = 1000


class BadStream(Exception):
    """An answer that is not the whole stream that was asked for."""


@dataclass(slots=True)
class Received:
    """The bytes of one answer in the pieces in which they came, and when; `perf_counter`'s."""

    pieces: list[bytes] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)

    def token_times(self, words: Sequence[str]) -> list[float]:
        """Give the instants at which the tokens arrived; raises `BadStream` unless all is there.

        That is: status 200, each word in an event of its own and in its order, a finish reason, the
        usage, the end mark, and the end of the body.
        """
        events = self._events()
        if not events or events.pop()[1] != STREAM_END:
            raise BadStream(f"a stream that does not end in {STREAM_END.decode()}")
        try:
            chunks = [(at, decode_chunk(payload)) for at, payload in events]
        except msgspec.DecodeError as error:
            raise BadStream(f"an event that is no chunk: {error}") from None
        tokens = [(at, text) for at, chunk in chunks if (text := _text(chunk))]
        if [text for _, text in tokens] != list(words):
            raise BadStream(f"a stream of {len(tokens)} tokens that are not the {len(words)} sent")
        if not any(choice.finish_reason for _, chunk in chunks for choice in chunk.choices):
            raise BadStream("a stream without a finish reason")
        if not any(chunk.usage for _, chunk in chunks):
            raise BadStream("a stream without its usage")
        return [at for at, _ in tokens]

    def _events(self) -> list[tuple[float, bytes]]:
        answer = _Answer()
        parser = HttpResponseParser(answer)
        events: list[tuple[float, bytes]] = []
        pending = b""
        for at, piece in zip(self.arrived_at, self.pieces, strict=True):
            try:
                parser.feed_data(piece)
            except HttpParserError as error:
                raise BadStream(f"an answer that is not HTTP: {error}") from None
            *whole, pending = (pending + answer.take()).split(b"\n\n")
            events.extend((at, event.removeprefix(_EVENT_START)) for event in whole)
        if not self.pieces or parser.get_status_code() != 200:
            raise BadStream(self._shown())
        if not answer.is_complete:
            raise BadStream(f"an answer cut short after {len(events)} events")
        return events

    def _shown(self) -> str:
        shown = b"".join(self.pieces)[:_SHOWN_BYTES]
        return shown.decode(errors="replace") or "no answer"


class _Answer:
    """What the parser calls."""

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self.is_complete = False

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True

    def take(self) -> bytes:
        """Give what has been added since the last call."""
        body = b"".join(self._body)
        self._body.clear()
        return body


def _text(chunk: Chunk) -> str | None:
    return chunk.choices[0].delta.content if chunk.choices else None
