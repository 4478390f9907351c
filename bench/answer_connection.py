"""One kept-alive connection that reads whole answers, whatever the load does with them.

The load shares one core with the upstream, so an answer is read with as little work as will do. The
end of a chunked body is looked for at the end of what arrived: JSON holds no bare line ends, so
nothing else in an answer looks like it.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import cast

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_STREAM_END = b"data: [DONE]"
_TAIL_BYTES = 64
_SHOWN_BYTES = 1000


class AnswerConnection(asyncio.Protocol, ABC):
    """Sends one request at a time; its answer may arrive in any pieces."""

    def __init__(self) -> None:
        self.is_waiting = False
        self.sent_at = 0.0
        self.first_byte_at = 0.0
        # None once it has been read, while the body arrives.
        self.head: bytes | None = b""
        self.shown = b""
        self.tail = b""
        self.is_ok = self.is_stream = self.is_chunked = False
        self.missing_bytes = 0

    @abstractmethod
    def answered(self, now: float, failure: str | None) -> None:
        """Take the end of an answer: a whole one with status 200, or else why it is none."""

    @abstractmethod
    def given_up(self, reason: str | None) -> None:
        """Take the end of the connection, and why an answer is still missing, if one is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of `asyncio.Transport` but are none.
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, now: float) -> None:
        """Send a request once the answer before it has come."""
        self.sent_at = now
        self.first_byte_at = 0.0
        self.is_waiting = True
        self.transport.write(request)

    def give_up(self, reason: str) -> None:
        """Wait for no answer any more."""
        was_waiting, self.is_waiting = self.is_waiting, False
        self.given_up(reason if was_waiting else None)

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
        failure = None
        if not self.is_ok:
            failure = self.shown.decode(errors="replace")
        elif self.is_stream and _STREAM_END not in self.tail:
            failure = f"a stream that does not end in {_STREAM_END.decode()}"
        self.head = b""
        self.is_waiting = False
        self.answered(time.perf_counter(), failure)
