"""A connection that asks for one stream, and keeps what arrives with its instant.

Nothing else is done while the streams run; what came is read afterwards.
"""

import asyncio
import time
from typing import cast

from bench.received import Received

_OK = b"HTTP/1.1 200 "
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class StreamConnection(asyncio.Protocol):
    """One stream; `ended` is set at its end, whatever that is, and so is `first_end`."""

    def __init__(self, first_end: asyncio.Event) -> None:
        self.received = Received()
        self.ended = asyncio.Event()
        self._first_end = first_end
        self._tail = b""

    def ask(self, request: bytes) -> None:
        """Send the request."""
        self.transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of `asyncio.Transport` but are none.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        pieces = self.received.pieces
        if not pieces and not data.startswith(_OK):
            self._end()  # no stream will follow
        self.received.arrived_at.append(time.perf_counter())
        pieces.append(data)
        # JSON holds no bare line ends, so nothing else looks like the end of a chunked body.
        self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
        if self._tail == _LAST_CHUNK:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        self.ended.set()
        self._first_end.set()
