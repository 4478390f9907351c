"""Calls to one server, made again while that can help; every wait of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import msgspec

from forebay import __version__
from forebay.cli.batch.endings import ServerAnswered, ServerGone
from forebay.cli.batch.retrying import TRIES, pause_after, pause_after_answer
from forebay.cli.batch.server import Server
from forebay.core.clock import SystemClock

T = TypeVar("T")
Payload = Callable[[], bytes | aiohttp.FormData]

CONNECT_S = 10.0
CALL_S = 60.0
SILENCE_S = 60.0
MAX_MESSAGE = 500
TRIES_OF_A_STRANGER = 3
"""How often a server is looked for that has not answered yet: its address may be wrong."""

FAILURES = (aiohttp.ClientError, TimeoutError, ConnectionError)


class _Reason(msgspec.Struct):
    message: str | None = None
    code: str | None = None


class _Refusal(msgspec.Struct):
    error: _Reason


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unsure(ServerGone):
    """A call that must not be made twice may have been heard: nobody knows yet."""

    code = "unsure"


class Calls:
    """The calls of one command. `pause` waits so many seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: Server,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._clock = SystemClock()
        self.server = server
        self.pause = pause
        self.has_answered = False

    async def get(self, path: str, shape: type[T], *, query: Mapping[str, str] = {}) -> T:
        """Return what is at a path; raises `ServerAnswered` or `ServerGone`."""
        return _read(await self._answer("GET", path, query=query), shape, path)

    async def post(
        self,
        path: str,
        shape: type[T],
        *,
        payload: Payload = bytes,
        key: str | None = None,
        is_safe: bool = True,
        within_s: float = CALL_S,
    ) -> T:
        """Post what `payload` makes for every try; a call with a `key` counts once where it can.

        Raises `ServerAnswered` or `ServerGone`; one that is not safe to repeat may raise `Unsure`.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self._answer(
            *("POST", path),
            headers=headers,
            payload=payload,
            is_safe=is_safe,
            within_s=within_s,
        )
        return _read(answer, shape, path)

    @asynccontextmanager
    async def opened(self, path: str, *, start: int) -> AsyncIterator[aiohttp.ClientResponse]:
        """Begin to read what is at a path from byte `start` on; tried once.

        The status may also say that all is sent (200), or that there is no more (416).
        """
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_S, sock_connect=CONNECT_S, sock_read=SILENCE_S
        )
        async with self._session.get(self._url(path), headers=headers, timeout=timeout) as response:
            self.has_answered = True
            yield response

    def refusal(self, status: int, body: bytes, path: str) -> ServerAnswered:
        """Return the error that an answer's status and body tell of."""
        try:
            reason = msgspec.json.decode(body, type=_Refusal).error
            message = reason.message or reason.code or "no reason was given"
        except (msgspec.MsgspecError, UnicodeDecodeError):
            message = "no reason was given"
        if self.server.key:
            message = message.replace(self.server.key, "(the key)")
        return ServerAnswered(status, message[:MAX_MESSAGE], what=path)

    def gone(self, error: BaseException) -> ServerGone:
        """Return the error that tells of a server which does not answer."""
        reason = str(error) or "it did not answer in time"
        return ServerGone(f"no answer from {self.server.place}: {reason}")

    def may_pass(self, error: BaseException, tries: int) -> bool:
        """Tell whether a call that had no answer may have one the next time."""
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.InvalidURL):
            return False
        if self.server.is_local and isinstance(error, aiohttp.ClientConnectorError):
            return False  # it has ended: whoever called may start another
        return tries < (TRIES if self.has_answered else TRIES_OF_A_STRANGER)

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        payload: Payload = bytes,
        is_safe: bool = True,
        within_s: float = CALL_S,
    ) -> _Answer:
        tries = 0
        while True:
            tries += 1
            try:
                answer = await self._once(method, path, query, headers, payload(), within_s)
            except FAILURES as error:
                if not is_safe and not isinstance(error, aiohttp.ClientConnectorError):
                    raise Unsure(str(self.gone(error))) from None
                if not self.may_pass(error, tries):
                    raise self.gone(error) from None
                await self.pause(pause_after(tries))
                continue
            self.has_answered = True
            if answer.status < 300:
                return answer
            pause_s = pause_after_answer(
                tries, answer.status, answer.headers, now=self._clock.now(), is_safe=is_safe
            )
            if pause_s is None:
                raise self._refused(answer, path, is_safe=is_safe)
            await self.pause(pause_s)

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        payload: bytes | aiohttp.FormData,
        within_s: float,
    ) -> _Answer:
        kind = {"Content-Type": "application/json"} if isinstance(payload, bytes) else {}
        async with self._session.request(
            method,
            self._url(path),
            params=query,
            headers={**(kind if payload else {}), **headers},
            data=payload or None,
            timeout=aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S),
            allow_redirects=method == "GET",
        ) as response:
            return _Answer(response.status, response.headers, await response.read())

    def _refused(self, answer: _Answer, path: str, *, is_safe: bool) -> ServerAnswered | Unsure:
        error = self.refusal(answer.status, answer.body, path)
        return error if is_safe or answer.status < 500 else Unsure(str(error))

    def _url(self, path: str) -> str:
        return f"{self.server.url}{path}"


@asynccontextmanager
async def calls_to(server: Server) -> AsyncIterator[Calls]:
    """Yield the calls to a server; its connections are closed behind them."""
    headers = {"User-Agent": f"forebay/{__version__}"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    # A proxy of the person's environment must not stand between us and loopback.
    async with aiohttp.ClientSession(headers=headers, trust_env=not server.is_loopback) as session:
        yield Calls(session, server)


def _read(answer: _Answer, shape: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        message = "it has a form that is not known here; is the base URL right?"
        raise ServerAnswered(answer.status, message, what=path) from None
