"""The server's WebSockets, which know that a handshake may end with a refusal.

Uvicorn sends the body of a refusal, and then logs an error because nothing was accepted: callers
without a good key could fill a log with errors that are none.
"""

from __future__ import annotations

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class RefusableWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose handshake is complete with the last byte of a refusal, too."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True
