"""Kept-alive connections to one upstream server, the one used last taken first.

As many connections are opened as are asked for: how many turns an engine gets is not decided here.
"""

from __future__ import annotations

import asyncio
import ssl

from forebay.core.engine_errors import EngineUnavailable, EngineUnreachable
from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import UpstreamConnection

IDLE_S = 15.0


class UpstreamPool:
    """The connections of one engine. Whoever takes one releases it, whatever became of it."""

    def __init__(
        self,
        address: UpstreamAddress,
        *,
        ssl_context: ssl.SSLContext | None = None,
        connect_s: float,
        stall_s: float,
        can_reuse: bool = True,
        idle_s: float = IDLE_S,
    ) -> None:
        self._ssl_context = ssl_context
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._can_reuse = can_reuse
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._open: set[UpstreamConnection] = set()
        # Since when each has been idle, the longest first.
        self._idle: dict[UpstreamConnection, float] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self.move(address)

    def move(self, address: UpstreamAddress) -> None:
        """Connect to another address from now on; answers that are coming in are left alone."""
        if address.is_tls and self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        self._address = address
        for connection in list(self._idle):
            connection.close()

    def take_idle(self) -> UpstreamConnection | None:
        """Give out a kept connection, if there is one; the server may be closing it just now."""
        return self._idle.popitem()[0] if self._idle else None

    async def connect(self) -> UpstreamConnection:
        """Give out a new connection; raises `EngineUnreachable` when there is none to be had."""
        address = self._address
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await self._loop.create_connection(
                    lambda: UpstreamConnection(
                        address, loop=self._loop, stall_s=self._stall_s, on_end=self._forget
                    ),
                    address.host,
                    address.port,
                    ssl=self._ssl_context if address.is_tls else None,
                )
        except TimeoutError:
            reason = f"no connection within {self._connect_s:g} seconds"
            raise EngineUnreachable(f"the engine cannot be reached: {reason}") from None
        except OSError as error:
            reason = f"{type(error).__name__}: {error}"
            raise EngineUnreachable(f"the engine cannot be reached: {reason}") from None
        if self._is_closed:
            connection.close()
            raise EngineUnavailable("the connection to the engine was closed")
        self._open.add(connection)
        return connection

    def release(self, connection: UpstreamConnection) -> None:
        """Keep a connection that is fit for another request; close any other at once."""
        if (
            self._can_reuse
            and connection.can_be_reused
            and connection.address is self._address
            and connection.has_sent_all
        ):
            self._idle[connection] = self._loop.time()
            if self._expiry is None:
                self._expiry = self._loop.call_later(self._idle_s, self._expire)
        else:
            connection.close()
            self._forget(connection)

    async def close(self) -> None:
        """Close every connection, those in use too."""
        self._is_closed = True
        for connection in list(self._open):
            connection.close()
        if self._expiry is not None:
            self._expiry.cancel()
        # A closed socket is let go of in the event loop's next round.
        await asyncio.sleep(0)

    def _expire(self) -> None:
        self._expiry = None
        now = self._loop.time()
        for connection, idle_since in list(self._idle.items()):
            left_s = idle_since + self._idle_s - now
            if left_s > 0:
                self._expiry = self._loop.call_later(left_s, self._expire)
                return
            connection.close()

    def _forget(self, connection: UpstreamConnection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)
