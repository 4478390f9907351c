"""One HTTP exchange on the hot path: the body in, JSON or events out, and its early end.

Plain ASGI, because inference calls are many, and a request object and a watcher task for each are
not free. A watcher starts only for a turn that is not over in a moment; it ends the turn when the
caller leaves, and keeps a silent stream alive with comments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from forebay.api.body import BodyLimits, whole_body
from forebay.dialects.wire import encode

WATCH_AFTER_S = 0.25
KEEP_ALIVE_S = 15.0
KEEP_ALIVE = b": keep-alive\n\n"

_JSON = (b"content-type", b"application/json")
STREAM = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def vendor_headers(began_at_s: float) -> tuple[tuple[bytes, bytes], ...]:
    """Return what OpenAI's answers carry beside the id; `began_at_s` is the event loop's time."""
    elapsed_s = asyncio.get_running_loop().time() - began_at_s
    return (
        (b"openai-version", b"2020-10-01"),
        (b"openai-processing-ms", b"%d" % round(elapsed_s * 1000)),
    )


class Connection:
    """The exchange. `request_id` goes out with every answer, in both vendors' headers."""

    __slots__ = ("_has_begun", "_is_streamed", "_keep_alive_s", "_opens_at_s", "_receive", "_send",
                 "_task", "_timer", "_watch_after_s", "_watcher", "began_at_s", "client_request_id",
                 "headers", "is_gone", "request_id")  # fmt: skip

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        request_id: str,
        watch_after_s: float = WATCH_AFTER_S,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._receive = receive
        self._send = send
        self._has_begun = False
        self._is_streamed = False
        self._watch_after_s = watch_after_s
        self._keep_alive_s = keep_alive_s
        self._opens_at_s = 0.0
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.is_gone = False
        self.request_id = request_id
        self.client_request_id = ""
        self.began_at_s = asyncio.get_running_loop().time()

    def header(self, name: bytes) -> str | None:
        """Return a request header by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    async def body(self, limits: BodyLimits) -> bytes:
        """Return the request's body; raises what `whole_body` does."""
        return await whole_body(self.headers, self._receive, limits)

    async def send_json(
        self, payload: object, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with one JSON body; bytes go out as they are."""
        body = payload if isinstance(payload, bytes) else encode(payload)
        fields = [_JSON, (b"content-length", b"%d" % len(body)), *self._ids()]
        for name, value in (headers or {}).items():
            fields.append((name.encode(), value.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body})

    async def send_events(self, events: bytes) -> None:
        """Send a piece of an event stream, opening it first."""
        if not self._has_begun:
            self._has_begun = True
            headers = [*STREAM, *self._ids()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def end_events(self) -> None:
        """End the event stream; no comment may come behind its end."""
        self.unwatch()
        await self._send({"type": "http.response.body", "body": b""})

    @property
    def has_begun(self) -> bool:
        """Whether an event stream is open, so that its status is settled."""
        return self._has_begun

    def watch(self, *, is_streamed: bool, silent_s: float = 0.0) -> None:
        """From a moment on, cancel the calling task if the caller leaves.

        No comment opens a stream before `silent_s`: until then, a refusal has a status of its own.
        """
        self._is_streamed = is_streamed
        self._opens_at_s = asyncio.get_running_loop().time() + silent_s
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._watch_after_s, self._start_watcher)

    def unwatch(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start_watcher(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_s if self._is_streamed else None):
                    message = await self._receive()
            except TimeoutError:
                loop = asyncio.get_running_loop()
                if self._has_begun or loop.time() >= self._opens_at_s:
                    await self.send_events(KEEP_ALIVE)
                continue
            if message["type"] == "http.disconnect":
                self.is_gone = True
                if self._task is not None:
                    self._task.cancel()
                return

    def _ids(self) -> tuple[tuple[bytes, bytes], ...]:
        value = self.request_id.encode()
        return ((b"x-request-id", value), (b"request-id", value), *vendor_headers(self.began_at_s))
