"""One kept-alive connection of the load, and the tally that all connections of a run share.

The load shares one core with the upstream, so an answer is read with as little work as will do. The
end of a chunked body is looked for at the end of what arrived: JSON holds no bare line ends, so
nothing else in an answer looks like it.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import cast

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_STREAM_END = b"data: [DONE]"
_TAIL_BYTES = 64
_SHOWN_BYTES = 1000


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is still to be asked in a run, and what came of it; instants are `perf_counter`'s."""

    requests: Iterator[bytes]
    requests_left: int | None
    pause_s: float
    open: int
    started_at: float = 0.0
    stop_at: float = 0.0
    ended_at: float = 0.0
    chance: Random = field(default_factory=lambda: Random(1))
    errors: int = 0
    first_error: str | None = None
    latencies_s: list[float] = field(default_factory=list)
    first_bytes_s: list[float] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def next_request(self, now: float) -> bytes | None:
        """Give the bytes to send, or nothing when the run is over."""
        if now >= self.stop_at or self.requests_left == 0:
            return None
        if self.requests_left is not None:
            self.requests_left -= 1
        return next(self.requests)

    def next_pause_s(self) -> float:
        """Draw a pause, or else the connections would soon ask all at the same moment."""
        return self.pause_s * self.chance.uniform(0.5, 1.5)

    def fail(self, message: str) -> None:
        """Count an error, and keep the first one's message."""
        self.errors += 1
        if self.first_error is None:
            self.first_error = message

    def leave(self) -> None:
        """Say that one more connection asks no more; the last one ends the run."""
        self.open -= 1
        if self.open == 0:
            self.finished.set()


class LoadConnection(asyncio.Protocol):
    """Asks one request after the other; an answer may arrive in any pieces."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.is_waiting = False
        self.has_left = False
        self.sent_at = 0.0
        self.first_byte_at = 0.0
        # None once it has been read, while the body arrives.
        self.head: bytes | None = b""
        self.shown = b""
        self.tail = b""
        self.is_ok = self.is_stream = self.is_chunked = False
        self.missing_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of `asyncio.Transport` but are none.
        self.transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        """Send the next request, or leave the run when there is none."""
        self.sent_at = time.perf_counter()
        request = None if self.has_left else self.tally.next_request(self.sent_at)
        self.is_waiting = request is not None
        if request is None:
            self._leave()
        else:
            self.transport.write(request)

    def give_up(self, reason: str) -> None:
        """Count the answer still outstanding, if there is one, as an error, and leave."""
        if self.is_waiting:
            self.is_waiting = False
            self.tally.fail(reason)
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(f"connection lost while waiting for an answer: {exc or 'closed by the peer'}")

    def data_received(self, data: bytes) -> None:
        if self.head is not None:
            data = self.head + data
            head_end = data.find(_HEAD_END)
            if head_end < 0:
                self.head = data
                return
            self._read_head(data[:head_end])
            data = data[head_end + len(_HEAD_END) :]
        if data and not self.first_byte_at:
            self.first_byte_at = time.perf_counter()
        if not self.is_ok:
            self.shown = (self.shown + data)[:_SHOWN_BYTES]
        self.tail = (self.tail + data)[-_TAIL_BYTES:]
        self.missing_bytes -= len(data)
        if self.tail.endswith(_LAST_CHUNK) if self.is_chunked else self.missing_bytes <= 0:
            self._finish()

    def _read_head(self, head: bytes) -> None:
        self.head = None
        # The line end before a body's first chunk, so that an empty body ends as every other one.
        self.tail = b"\r\n"
        self.is_ok = head.startswith(b"HTTP/1.1 200")
        self.shown = head + _HEAD_END
        fields = head.lower()
        self.is_stream = b"\r\ncontent-type: text/event-stream" in fields
        self.is_chunked = b"\r\ntransfer-encoding: chunked" in fields
        length_at = fields.find(b"\r\ncontent-length:")
        self.missing_bytes = 0
        if length_at >= 0:
            value = fields[length_at + len(b"\r\ncontent-length:") :]
            self.missing_bytes = int(value.split(b"\r\n", 1)[0])

    def _finish(self) -> None:
        now = self.tally.ended_at = time.perf_counter()
        if not self.is_ok:
            self.tally.fail(self.shown.decode(errors="replace"))
        elif self.is_stream and _STREAM_END not in self.tail:
            self.tally.fail(f"a stream that does not end in {_STREAM_END.decode()}")
        else:
            self.tally.latencies_s.append(now - self.sent_at)
            self.tally.first_bytes_s.append((self.first_byte_at or now) - self.sent_at)
        self.head = b""
        self.first_byte_at = 0.0
        self.is_waiting = False
        if self.tally.pause_s:
            asyncio.get_running_loop().call_later(self.tally.next_pause_s(), self.ask)
        else:
            self.ask()

    def _leave(self) -> None:
        if not self.has_left:
            self.has_left = True
            self.tally.leave()
