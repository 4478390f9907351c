"""Receivers of webhooks on loopback: one that answers as it is told, and one that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Call:
    """A call that came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Notes what it gets and answers with `statuses`, then 200; it waits for `may_answer`."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.calls: list[Call] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.port = 0
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        """A URL of it."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def came(self, count: int) -> list[Call]:
        """Return the calls once there are so many."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.calls) >= count)
        return self.calls

    async def handle(self, request: web.Request) -> web.Response:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        async with self._came:
            self.calls.append(Call(request.raw_path, dict(request.headers), await request.read()))
            self._came.notify_all()
        try:
            await self.may_answer.wait()
        finally:
            self.in_flight -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        location = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=location | self.headers)


@asynccontextmanager
async def receiving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver until the block is left."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    receiver.port = int(site.name.rsplit(":", 1)[1])
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        await runner.cleanup()
