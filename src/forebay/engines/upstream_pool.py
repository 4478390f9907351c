"""Kept-alive connections to one upstream server, the one used last taken first.

As many connections are opened as are asked for: how many turns an engine gets is not decided here.
"""

from __future__ import annotations

import asyncio
import ssl

from forebay.core.errors import EngineUnavailable, EngineUnreachable
from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import UpstreamConnection

IDLE_S = 15.0


class UpstreamPool:
    """The connections of one engine. Every one that is given out must be released."""

    def __init__(
        self,
        address: UpstreamAddress,
        *,
        tls: ssl.SSLContext | None,
        connect_s: float,
        stall_s: float,
        idle_s: float = IDLE_S,
    ) -> None:
        self._address = address
        self._tls = tls
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._open: set[UpstreamConnection] = set()
        # Since when each has been idle, the longest first.
        self._idle: dict[UpstreamConnection, float] = {}
        self._expiry: asyncio.TimerHandle | None = None

    def take_idle(self) -> UpstreamConnection | None:
        """Give out a kept connection, if there is one; the server may be closing it just now."""
        return self._idle.popitem()[0] if self._idle else None

    async def connect(self) -> UpstreamConnection:
        """Give out a new connection; raises `EngineUnreachable` when there is none to be had."""
        address = self._address
        tls: ssl.SSLContext | None = None
        if address.is_tls:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            tls = self._tls
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await self._loop.create_connection(
                    lambda: UpstreamConnection(
                        self._loop, stall_s=self._stall_s, on_end=self._forget
                    ),
                    address.host,
                    address.port,
                    ssl=tls,
                )
        except TimeoutError:
            reason = f"no connection within {self._connect_s:g} s"
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
        if not (connection.can_be_reused and connection.has_sent_all) or self._is_closed:
            connection.close()
            return
        self._idle[connection] = self._loop.time()
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._idle_s, self._expire)

    async def close(self) -> None:
        """Close every connection, those in use too."""
