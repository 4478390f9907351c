"""A caller of the WebSocket, in this process: frames out, frames in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from tests.api.conftest import KEY

PATH = "/v1/responses"

Headers = Sequence[tuple[bytes, bytes]]


class Socket:
    """One connection. `opening` is what the server answered it with."""

    def __init__(self, opening: Message) -> None:
        self.opening = opening
        self.to_server: asyncio.Queue[Message] = asyncio.Queue()
        self.from_server: asyncio.Queue[Message] = asyncio.Queue()

    def send(self, message: object) -> None:
        """Send a frame: an object as JSON, or text as it is."""
        self.to_server.put_nowait(frame(message))

    def create(self, **body: Any) -> None:
        """Ask for a response."""
        self.send({"type": "response.create", **body})

    def leave(self) -> None:
        """Close the connection."""
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def event(self) -> dict[str, Any]:
        """Return the next frame."""
        message = await self.from_server.get()
        assert message["type"] == "websocket.send", message
        payload: dict[str, Any] = json.loads(message["text"])
        return payload

    async def answer(self) -> dict[str, Any]:
        """Return the terminal event of the turn under way, or the error frame."""
        while True:
            event = await self.event()
            if event["type"] in ("response.completed", "response.failed", "error"):
                return event


@asynccontextmanager
async def connected(
    app: ASGIApp, *, key: str = KEY, path: str = PATH, headers: Headers = ()
) -> AsyncIterator[Socket]:
    """Hold a connection open."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})

    async def send(message: Message) -> None:
        outgoing.put_nowait(message)

    async def serve() -> None:
        await app(_scope(key, path, headers), incoming.get, send)

    serving = asyncio.create_task(serve())
    socket = Socket(await outgoing.get())
    socket.to_server, socket.from_server = incoming, outgoing
    try:
        yield socket
    finally:
        socket.leave()
        await serving


async def unheard(app: ASGIApp, *messages: Message) -> None:
    """Serve a caller that sends these and does not leave, but whom nothing reaches any more."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    for message in ({"type": "websocket.connect"}, *messages):
        incoming.put_nowait(message)

    async def send(message: Message) -> None:
        if message["type"] != "websocket.accept":
            raise OSError("the connection is gone")

    await app(_scope(KEY, PATH), incoming.get, send)


def frame(message: object) -> Message:
    """Return the frame that holds a message: an object as JSON, or text as it is."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {"type": "websocket.receive", "text": text}


def _scope(key: str, path: str, headers: Headers = ()) -> Scope:
    return {
        "type": "websocket",
        "path": path,
        "headers": [(b"authorization", f"Bearer {key}".encode()), *headers],
        "query_string": b"",
        "root_path": "",
        "extensions": {"websocket.http.response": {}},
    }
