"""One connection to an upstream server: a request out, then status, headers and body pieces in.

HTTP/1.1 with nothing between the socket and the parser (llhttp): this is the hottest path of the
house. One answer at a time; whoever sends reads it to its end, or closes the connection, which is
how a turn is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from forebay.core.engine_errors import EngineError, EngineFailed, EngineUnavailable
from forebay.engines.upstream_address import UpstreamAddress

MAX_HEAD_BYTES = 64 * 1024  # also of trailers, and of anything else that is no body
MAX_UNREAD_BYTES = 1024 * 1024


class UpstreamDropped(EngineUnavailable):
    """The server closed the connection before any byte of the answer."""


class UpstreamConnection(asyncio.Protocol):
    """A connection that its pool opened; `on_end` is called once, when it is of no more use.

    `status` is 0 until the head has come; `headers` have lower-case names. `is_complete` says that
    no answer is outstanding, `can_be_reused` that the last one left the connection fit for another.
    A server that sends nothing for `stall_s` is given up; reading slowly is not held against it.
    """

    __slots__ = (
        "_active_at",
        "_bodiless_bytes",
        "_error",
        "_is_paused",
        "_loop",
        "_on_end",
        "_parser",
        "_pieces",
        "_stall_s",
        "_stall_timer",
        "_transport",
        "_unread_bytes",
        "_waiter",
        "address",
        "can_be_reused",
        "headers",
        "is_complete",
        "on_body",
        "status",
    )

    def __init__(
        self,
        address: UpstreamAddress,
        *,
        loop: asyncio.AbstractEventLoop,
        stall_s: float,
        on_end: Callable[[UpstreamConnection], None],
    ) -> None:
        self.address = address
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.is_complete = True
        self.can_be_reused = False
        self._loop = loop
        self._stall_s = stall_s
        self._on_end = on_end
        self._error: EngineError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._active_at = 0.0
        self._is_paused = False
        self._unread_bytes = 0
        self._bodiless_bytes = 0  # since the request, or since the last piece of the body
        self._pieces: list[bytes] = []
        # The parser calls this for every chunk: no Python frame may stand between.
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        # As most clients are: a lone line feed, and blanks after a chunk's size.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def send(self, request: bytes) -> None:
        """Send a request; the answer before must be complete and the connection fit for reuse."""
        assert self.is_complete, "one answer at a time"
        self.status = 0
        self.headers.clear()
        self.is_complete = False
        self.can_be_reused = False
        self._pieces.clear()
        self._unread_bytes = 0
        self._bodiless_bytes = 0
        self._active_at = self._loop.time()
        if self._error is None:
            if self._stall_timer is None:
                self._stall_timer = self._loop.call_later(self._stall_s, self._check_stall)
            self._transport.write(request)

    async def wait_for_head(self) -> None:
        """Return when `status` and `headers` have come.

        Raises `UpstreamDropped`, another `EngineUnavailable`, or `EngineFailed`.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._arrival()

    async def read(self) -> bytes:
        """Return what has come of the body since the last call, or wait for more; b"" at its end.

        Raises `EngineUnavailable` when the answer broke off, `EngineFailed` when it is not HTTP.
        """
        pieces = self._pieces
        while not pieces:
            if self.is_complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._arrival()
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        if self._is_paused:
            self._is_paused = False
            self._active_at = self._loop.time()
            self._transport.resume_reading()
        return piece

    @property
    def is_encoded(self) -> bool:
        """Whether the body is compressed, which was not asked for."""
        headers = self.headers
        return (
            headers.get(b"content-encoding", b"identity").lower() != b"identity"
            or headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked"
        )

    @property
    def has_sent_all(self) -> bool:
        """Whether the whole request has left; a server may answer before it has read it."""
        return self._transport.get_write_buffer_size() == 0

    def close(self) -> None:
        """Close the socket at once."""
        self._end(EngineUnavailable("the connection to the engine was closed"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # trailers are not wanted
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 or status == 101:
            self.status = status
        else:  # informational; the answer is still to come
            self.headers.clear()

    def on_message_complete(self) -> None:
        if self.status:
            self.is_complete = True
            self.can_be_reused = self._parser.should_keep_alive()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of `asyncio.Transport` but are none.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.is_complete:
            self.close()  # whatever this is, the next answer would be taken for it
            return
        self._active_at = self._loop.time()
        pieces = self._pieces
        count = len(pieces)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._end(EngineFailed(f"the engine's answer is not HTTP: {error}"))
            return
        if not self.is_complete:
            if len(pieces) == count:
                self._bodiless_bytes += len(data)
                if self._bodiless_bytes > MAX_HEAD_BYTES:
                    self._end(EngineFailed("the engine's answer has too long a head"))
                    return
            else:
                self._bodiless_bytes = 0
                self._unread_bytes += len(data)
                if self._unread_bytes > MAX_UNREAD_BYTES and not self._is_paused:
                    self._is_paused = True
                    self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._error is not None:
            return
        if error is None and self._is_body_until_close():
            self.is_complete = True
        if not self.status and not self._bodiless_bytes:
            self._end(UpstreamDropped("the engine closed the connection without an answer"))
        else:
            reason = "" if error is None else f" ({type(error).__name__}: {error})"
            self._end(EngineUnavailable(f"the engine broke off its answer{reason}"))

    def _is_body_until_close(self) -> bool:
        return (
            self.status != 0
            and b"content-length" not in self.headers
            and b"transfer-encoding" not in self.headers
        )

    def _end(self, error: EngineError) -> None:
        """Close the socket. A complete answer stays good, and pieces come before the error."""
        if self._error is not None:
            return
        self._error = error
        self.can_be_reused = False
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        # Not close(), which would first send what is left of a cancelled request.
        self._transport.abort()
        self._wake()
        self._on_end(self)

    def _check_stall(self) -> None:
        """Run once in a while, not once for every read."""
        self._stall_timer = None
        if self.is_complete:
            return  # the next request starts it again
        left_s = self._active_at + self._stall_s - self._loop.time()
        if self._is_paused:
            left_s = self._stall_s
        if left_s > 0:
            self._stall_timer = self._loop.call_later(left_s, self._check_stall)
        else:
            self._end(EngineUnavailable("the engine was silent for too long"))

    def _arrival(self) -> asyncio.Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
