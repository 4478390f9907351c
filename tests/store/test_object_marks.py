"""The mark of a place in an object store: of two who want it at once, one gets it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from forebay.store.object_blobs import ObjectBlobs
from tests.fakes import CountingIds
from tests.s3_server import ACCESS_KEY, SECRET_KEY

PLACE = "s3://bucket/place"


class LateBlobs(ObjectBlobs):
    """Blobs of a server that looked for a mark before another one left it."""

    has_looked = False

    async def mark(self) -> str | None:
        if not self.has_looked:
            self.has_looked = True
            return None
        return await super().mark()


class StrictServer:
    """One object behind the S3 protocol, whose conditions are heeded, or refused with a 501."""

    def __init__(self) -> None:
        self.takes_conditions = True
        self._content: bytes | None = None

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            return await self._put(request)
        if self._content is None:
            return web.Response(status=404)
        headers = {"etag": '"1"', "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
        return web.Response(body=self._content, headers=headers)

    async def _put(self, request: web.Request) -> web.Response:
        if "if-none-match" in request.headers:
            if not self.takes_conditions:
                return web.Response(status=501)
            if self._content is not None:
                return web.Response(status=412)
        self._content = await request.read()
        return web.Response(headers={"etag": '"1"'})


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StrictServer]:
    """Such a server, at which clients of S3 look."""
    server = StrictServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    yield server
    await runner.cleanup()


def opened(kind: Callable[..., ObjectBlobs] = ObjectBlobs) -> ObjectBlobs:
    return kind(PLACE, new_id=CountingIds(), is_http_allowed=True)


@pytest.mark.usefixtures("server")
async def test_a_mark_that_came_in_between_stays() -> None:
    late = opened(LateBlobs)
    await opened().keep_mark("first")
    await late.keep_mark("second")
    assert await late.mark() == "first"


async def test_a_store_without_conditions_is_marked_nonetheless(server: StrictServer) -> None:
    server.takes_conditions = False
    blobs = opened()
    for mark in ("first", "second"):
        await blobs.keep_mark(mark)
    assert await blobs.mark() == "first"


async def test_a_mark_that_came_in_between_stays_where_conditions_are_refused(
    server: StrictServer,
) -> None:
    server.takes_conditions = False
    late = opened(LateBlobs)
    await opened().keep_mark("first")
    await late.keep_mark("second")
    assert await late.mark() == "first"
