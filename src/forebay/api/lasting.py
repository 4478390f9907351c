"""Answers that last: those that wait, and streams of events. They end when their caller leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from forebay.api.connection import KEEP_ALIVE, KEEP_ALIVE_S, STREAM
from forebay.core.errors import ForebayError

OPENS_AFTER_S = 1.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def ends_with_caller(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the caller leaves; this raises `ClientDisconnect` then."""
    task = asyncio.current_task()
    assert task is not None
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if has_left and task.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()


class EventStream(Response):
    """A stream of server-sent events, kept alive with comments while it is silent."""

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        first: asyncio.Task[bytes | None],
        *,
        keep_alive_s: float,
    ) -> None:
        super().__init__()
        self._events = events
        self._next = first
        self._keep_alive_s = keep_alive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end, or the caller leaves, which ends them, too."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(STREAM)})
            if scope["method"] != "HEAD":
                async with ends_with_caller(receive):
                    await self._pass_on(send)
            await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            log.info("caller left", extra={"request_id": scope["forebay.request_id"]})
        except ForebayError as error:
            # Without its end it is seen to be cut off, and is taken up again at its cursor.
            fields = {"request_id": scope["forebay.request_id"], "code": error.code}
            log.error("stream broke off", extra=fields)
        finally:
            await _ended(self._events, self._next)

    async def _pass_on(self, send: Send) -> None:
        while True:
            done, _ = await asyncio.wait((self._next,), timeout=self._keep_alive_s)
            piece = self._next.result() if done else KEEP_ALIVE
            if piece is None:
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if done:
                self._next = asyncio.create_task(_next_of(self._events))


async def event_stream(
    events: AsyncGenerator[bytes, None],
    *,
    keep_alive_s: float = KEEP_ALIVE_S,
    opens_after_s: float = OPENS_AFTER_S,
) -> EventStream:
    """Return the stream of these events; raises what keeps the first one from coming.

    One that is silent so long is opened all the same: its caller has to see that it is there.
    """
    first = asyncio.create_task(_next_of(events))
    try:
        done, _ = await asyncio.wait((first,), timeout=opens_after_s)
        if done:
            first.result()
    except BaseException:
        await _ended(events, first)
        raise
    return EventStream(events, first, keep_alive_s=keep_alive_s)


async def _next_of(events: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(events, None)


async def _ended(events: AsyncGenerator[bytes, None], reading: asyncio.Task[bytes | None]) -> None:
    """End the events; whoever reads them has to be gone before."""
    reading.cancel()
    await asyncio.wait((reading,))
    await events.aclose()
