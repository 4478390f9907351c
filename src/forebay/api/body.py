"""The body of a request, read within its limits of size and of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from forebay.api.keys import Headers
from forebay.core.errors import BodyTimedOut, BodyTooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How large a body may be, and how long it may take to come."""

    max_bytes: int
    timeout_s: float


async def whole_body(headers: Headers, receive: Receive, limits: BodyLimits) -> bytes:
    """Return the body, all of which has come within the time-out.

    Raises `BodyTooLarge` (at once for a declared length), `BodyTimedOut`, or `ClientDisconnect`
    when the caller has left before the end.
    """
    refuse_declared(headers, limits.max_bytes)
    with _Patience(limits.timeout_s):
        message = await receive()
        body: bytes = message.get("body", b"")
        if _has_more(message):
            body = await _joined(body, receive, limits.max_bytes)
    if len(body) > limits.max_bytes:
        raise BodyTooLarge(limits.max_bytes)
    return body


async def _joined(first: bytes, receive: Receive, max_bytes: int) -> bytes:
    """Return the body that begins so, or the beginning of one that is too large.

    Joined once: to add each small piece to all before it would stop the event loop for seconds.
    """
    pieces, size_bytes, is_whole = [first], len(first), False
    while not is_whole and size_bytes <= max_bytes:
        message = await receive()
        is_whole = not _has_more(message)
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size_bytes += len(piece)
    return b"".join(pieces)


async def body_pieces(receive: Receive, *, timeout_s: float) -> AsyncIterator[bytes]:
    """Yield a body as it comes, each piece of it within the time-out.

    Raises `BodyTimedOut`, or `ClientDisconnect` when the caller has left before the end.
    """
    is_whole = False
    while not is_whole:
        with _Patience(timeout_s):
            message = await receive()
        is_whole = not _has_more(message)
        yield message.get("body", b"")


def refuse_declared(headers: Headers, max_bytes: int) -> None:
    """Raise `BodyTooLarge` when the headers tell that the body is: none of it is waited for."""
    for name, value in headers:
        # So many digits alone are too many bytes; the server has seen that they are digits.
        if name == b"content-length" and (len(value) > 18 or int(value) > max_bytes):
            raise BodyTooLarge(max_bytes)


def _has_more(message: Message) -> bool:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return bool(message.get("more_body", False))


class _Patience:
    """A time-out around a body: half the price of asyncio's, for every call pays it."""

    __slots__ = ("_is_over", "_task", "_timeout_s", "_timer")

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._end)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        # A task that somebody else cancels, too, stays cancelled.
        if self._is_over and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise BodyTimedOut(self._timeout_s) from None

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()
