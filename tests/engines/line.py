"""An upstream connection whose socket and whose time are moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import (
    UpstreamConnection,
)
from tests.engines.scripted_server import FRAMES

BODY = b"".join(FRAMES)
REQUEST = b"POST / HTTP/1.1\r\n\r\n"
STALL_S = 300.0


class ManualLoop:
    """A loop whose time is moved by hand; its futures belong to the loop that runs."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[asyncio.TimerHandle] = []

    def as_loop(self) -> asyncio.AbstractEventLoop:
        """Return this as the loop that it is as far as connections need one."""
        return cast(asyncio.AbstractEventLoop, self)

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.now + delay, callback, args, self.as_loop(), context)
        self.timers.append(timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        """Run the timers that are due after so long."""
        self.now += seconds
        due = [timer for timer in self.timers if timer.when() <= self.now]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            if not timer.cancelled():
                timer._run()

    @property
    def waiting(self) -> int:
        """How many timers may still fire."""
        return sum(not timer.cancelled() for timer in self.timers)


class RecordingTransport(asyncio.Transport):
    """A socket that only remembers what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Line:
    """A connection with its ends in our hands."""

    def __init__(self, *, has_asked: bool = True) -> None:
        self.loop = ManualLoop()
        self.transport = RecordingTransport()
        self.ended: list[UpstreamConnection] = []
        self.connection = UpstreamConnection(
            UpstreamAddress.parse("http://127.0.0.1/v1"),
            loop=self.loop.as_loop(),
            stall_s=STALL_S,
            on_end=self.ended.append,
        )
        self.connection.connection_made(self.transport)
        if has_asked:
            self.connection.send(REQUEST)

    def hear(self, *reads: bytes) -> None:
        """Let bytes come, each argument as one read of the socket."""
        for read in reads:
            self.connection.data_received(read)

    async def body(self) -> bytes:
        """Return the rest of the body."""
        pieces = []
        while piece := await self.connection.read():
            pieces.append(piece)
        return b"".join(pieces)
