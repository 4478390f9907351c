"""A host of images on loopback, images for it, and the turns that show them."""

from __future__ import annotations

import asyncio
import ipaddress
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from forebay.dialects.turn import JsonObject, Turn
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.image_errors import InvalidImage
from forebay.lanes.images import MAX_AT_ONCE_A_TURN, ImageLimits, Images

LOOPBACK = AddressGuard((ipaddress.ip_network("127.0.0.0/8"),))
LIMITS = ImageLimits(max_image_bytes=200_000, max_fetched_bytes=500_000, fetch_s=5.0)
PLACE = "messages[0].content[0].image_url"

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(255))
WEBP = b"RIFF\x10\x01\x00\x00WEBPVP8 " + bytes(range(254))
GZIP = b"\x1f\x8b"
GIF = b"GIF89a" + bytes(range(250))


class Host:
    """A server on loopback that hands out `answers` by path, and counts what it is asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.is_full = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_hung_up_on = asyncio.Event()
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the URL of a path."""
        return f"http://{host}:{self.port}{path}"

    def gives(self, path: str, body: bytes, *, status: int = 200) -> str:
        """Answer a path so, and return its URL."""
        self.answers[path] = (status, body)
        return self.url(path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ping":
            return web.Response()
        self.asked.append(request.raw_path)
        self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.in_flight == MAX_AT_ONCE_A_TURN:
            self.is_full.set()
        try:
            await self.may_answer.wait()
            if request.path == "/endless":
                return await self._endless(request)
            status, body = self.answers[request.path]
            headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
            if body.startswith(GZIP):
                headers["Content-Encoding"] = "gzip"
            # A header that is not true: the bytes alone count.
            return web.Response(status=status, body=body, headers=headers, content_type="image/png")
        finally:
            self.in_flight -= 1

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PNG)
        try:
            while True:
                await response.write(bytes(64 * 1024))
        except ConnectionError:
            self.was_hung_up_on.set()
            raise


@asynccontextmanager
async def serving() -> AsyncIterator[Host]:
    """Run a host until the block is left."""
    host = Host()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.port = int(site.name.rsplit(":", 1)[1])
    try:
        yield host
    finally:
        host.may_answer.set()
        await runner.cleanup()


def image(url: object, **others: object) -> JsonObject:
    """Return an image's part; `others` stand beside the URL."""
    return {"type": "image_url", "image_url": {"url": url, **others}}


def turn(*parts: JsonObject) -> Turn:
    """Return a turn with one message of these parts."""
    return Turn(model="tiny", messages=[{"role": "user", "content": list(parts)}])


def data_uri(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def urls(turn: Turn) -> list[object]:
    """Return the URLs of the images of the first message."""
    content = turn.messages[0]["content"]
    assert isinstance(content, list)
    return [part["image_url"]["url"] for part in content if part["type"] == "image_url"]


async def refused(images: Images, *parts: JsonObject) -> InvalidImage:
    """Return what a turn is refused for."""
    with pytest.raises(InvalidImage) as caught:
        await images.inlined(turn(*parts))
    return caught.value
