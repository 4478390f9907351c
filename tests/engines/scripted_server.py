"""A raw server on the loopback that follows a script, byte by byte; and what engines answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

FRAMES = [
    b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n',
    'data: {"choices":[{"delta":{"content":"lo ☀"}}]}\n\n'.encode(),
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]
TEXT = "Hello ☀"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def chunk(body: bytes, *, extension: bytes = b"") -> bytes:
    """Return an HTTP chunk."""
    return b"%x%b\r\n%b\r\n" % (len(body), extension, body)


def chunked(frames: list[bytes] = FRAMES) -> bytes:
    """Return a whole answer, a chunk for every frame."""
    return CHUNKED + b"".join(map(chunk, frames)) + LAST_CHUNK


def sized(body: bytes, *, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """Return a whole answer with its length; every one of `headers` ends its line."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


@dataclass(slots=True, kw_only=True)
class Visit:
    """One connection, as the server sees it; `number` counts from 1."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: ScriptedServer

    async def request(self) -> bytes:
        """Return the next request as it came, or nothing when the client has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        request = head + await self.reader.readexactly(size)
        self.server.requests.append(request)
        return request

    def say(self, text: bytes) -> None:
        """Send bytes."""
        self.writer.write(text)

    async def client_closed(self) -> None:
        """Return when the client has closed the connection; what it still sends is dropped."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Script = Callable[[Visit], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class ScriptedServer:
    """What the server heard so far, and where it is."""

    port: int = 0
    visits: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The base URL of its engine."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def serve(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """Run the script for every connection; leaving waits for scripts to end and tells their errors.

    A connection is closed where its script ends.
    """
    heard = ScriptedServer()
    async with asyncio.TaskGroup() as tasks:

        async def follow(visit: Visit) -> None:
            try:
                await script(visit)
            finally:
                with suppress(ConnectionError):
                    visit.writer.close()
                    await visit.writer.wait_closed()

        def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.visits += 1
            visit = Visit(number=heard.visits, reader=reader, writer=writer, server=heard)
            tasks.create_task(follow(visit))

        server = await asyncio.start_server(visited, host, 0, ssl=tls)
        heard.port = server.sockets[0].getsockname()[1]
        try:
            yield heard
        finally:
            server.close()


async def answer_all(visit: Visit) -> None:
    """Give every request the same good answer."""
    while await visit.request():
        visit.say(chunked())
