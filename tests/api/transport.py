"""The application as a transport of httpx2: streamed as it is sent, and left when it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message


class AppTransport(httpx2.AsyncBaseTransport):
    """Runs each exchange in a task of its own; closing a response early is a caller that leaves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response once its head is there."""
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        exchange = _Exchange(request.stream.__aiter__())
        exchange.begin(self._app, _scope(request))
        status, headers = await exchange.head()
        return httpx2.Response(status, headers=headers, stream=_Body(exchange))


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }


class _Exchange:
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._is_whole = False
        self._has_left = asyncio.Event()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def begin(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self._task = asyncio.create_task(self._run(app, scope))

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        try:
            message = await self._sent.get()
        except asyncio.CancelledError:
            await self.leave()
            raise
        assert message["type"] == "http.response.start", message
        return message["status"], message["headers"]

    async def body(self) -> AsyncIterator[bytes]:
        is_over = False
        while not is_over:
            message = await self._sent.get()
            assert message["type"] == "http.response.body", message
            is_over = not message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece

    async def leave(self) -> None:
        self._has_left.set()
        assert self._task is not None
        await self._task

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            # Whoever still waits must not wait for ever.
            self._sent.put_nowait({"type": "http.response.aborted"})

    async def _receive(self) -> Message:
        if not self._is_whole:
            try:
                return {
                    "type": "http.request",
                    "body": await self._pieces.__anext__(),
                    "more_body": True,
                }
            except StopAsyncIteration:
                self._is_whole = True
                return {"type": "http.request", "body": b"", "more_body": False}
        await self._has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._sent.put_nowait(message)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._exchange.body():
            yield piece

    async def aclose(self) -> None:
        await self._exchange.leave()
