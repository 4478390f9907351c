"""An engine that speaks OpenAI's HTTP API: vLLM, SGLang, llama.cpp, or any hosted one.

Upstream is always streamed, whatever the caller wanted: that is how a turn is cancelled (by closing
the connection) and how its progress is seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import aiohttp
import msgspec
from yarl import URL

from forebay.core.errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.dialects.turn import Delta, JsonObject, Turn
from forebay.dialects.upstream import ChunkReader, encode_turn, engine_error

MAX_ERROR_BYTES = 64 * 1024
TAIL_S = 1.0  # for the last frame after `[DONE]`


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEngineOptions:
    """How to reach one server. `url` ends in `/v1`; `extra` goes into every body.

    A connection that stays silent for `stall_s` is given up; a server that answers every health
    check but not this stream is found that way.
    """

    url: str
    key: str | None = None
    extra: JsonObject = field(default_factory=dict)
    can_reuse_connections: bool = True
    connect_s: float = 5.0
    stall_s: float = 300.0
    probe_s: float = 5.0


class HttpEngine:
    """A client of one server. Built on the event loop that uses it."""

    def __init__(self, options: HttpEngineOptions) -> None:
        self._options = options
        self._extra = options.extra
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=not options.can_reuse_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=options.connect_s, sock_read=options.stall_s
            ),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        self.move(options.url, options.key)

    def move(self, url: str, key: str | None) -> None:
        """Talk to another address from now on; streams that run are left alone."""
        self._chat_url = URL(url.rstrip("/") + "/chat/completions")
        self._models_url = URL(url.rstrip("/") + "/models")
        self._headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    async def stream(self, turn: Turn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Run the turn; see `Engine.stream`."""
        response = await self._post(encode_turn(turn, model=model, extra=self._extra))
        content = response.content
        reader = ChunkReader()
        try:
            if response.status != 200:
                raise engine_error(
                    response.status,
                    await content.read(MAX_ERROR_BYTES),
                    retry_after_s=_retry_after_s(response.headers.get("Retry-After")),
                )
            while not reader.is_done and (piece := await content.readany()):
                deltas = reader.feed(piece)
                if deltas:
                    yield deltas
            if not (reader.is_done or reader.has_finished):
                raise EngineUnavailable("the engine broke off its answer")
            if not content.at_eof():
                # Only a body read to its end leaves a connection that can be used again.
                async with asyncio.timeout(TAIL_S):
                    await content.readany()
        except TimeoutError:
            if not reader.is_done:
                raise EngineUnavailable("the engine was silent for too long") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineUnavailable(f"the engine broke off: {_named(error)}") from None
        finally:
            if content.at_eof():
                response.release()
            else:
                response.close()

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        try:
            try:
                return await self._session.post(self._chat_url, data=body, headers=self._headers)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if isinstance(error, aiohttp.ClientConnectorError):
                    raise
                # The server closed a kept connection just then: nothing of an answer was sent.
                return await self._session.post(self._chat_url, data=body, headers=self._headers)
        except TimeoutError:
            raise EngineUnavailable("the engine did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineUnreachable(f"the engine cannot be reached: {_named(error)}") from None

    async def models(self) -> list[str]:
        """Return the names that the engine serves; raises `EngineError` when it is not well."""
        timeout = aiohttp.ClientTimeout(total=self._options.probe_s)
        try:
            async with self._session.get(
                self._models_url, headers=self._headers, timeout=timeout
            ) as response:
                body = await response.read()
                if response.status != 200:
                    raise EngineFailed(f"the engine answered {response.status} to a probe")
        except TimeoutError:
            raise EngineUnavailable("the engine did not answer a probe in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineUnreachable(f"the engine cannot be reached: {_named(error)}") from None
        try:
            return [entry.id for entry in msgspec.json.decode(body, type=_Models).data]
        except msgspec.MsgspecError:
            raise EngineFailed("the engine's list of models is not readable") from None

    async def close(self) -> None:
        """Let go of every connection."""
        await self._session.close()


class _Entry(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Entry]


def _retry_after_s(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
