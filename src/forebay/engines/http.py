"""An engine that speaks OpenAI's HTTP API: vLLM, SGLang, llama.cpp, or any hosted one.

Upstream is always streamed, whatever the caller wanted: that is how a turn is cancelled (by closing
the connection) and how its progress is seen. Engines are reached directly: the proxies that the
environment names are not used, and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

from forebay.core.clock import Clock, SystemClock
from forebay.core.engine_errors import EngineError, EngineFailed, EngineUnavailable
from forebay.core.errors import ForebayError
from forebay.dialects.turn import AnyTurn, Delta, EmbeddingTurn, JsonObject, TextTurn, Turn
from forebay.dialects.upstream import ChunkReader, encode_turn
from forebay.dialects.upstream_embeddings import encode_embedding_turn, read_embeddings
from forebay.dialects.upstream_errors import UNREADABLE, engine_error
from forebay.dialects.upstream_text import TextChunkReader, encode_text_turn
from forebay.engines.counting import Counter
from forebay.engines.retry_after import retry_after_s
from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import UpstreamConnection, UpstreamDropped
from forebay.engines.upstream_pool import UpstreamPool

MAX_ERROR_BYTES = 64 * 1024
MAX_MODELS_BYTES = 8 * 1024 * 1024
MAX_EMBEDDINGS_BYTES = 512 * 1024 * 1024

CHAT = "/chat/completions"
TEXT = "/completions"
EMBEDDINGS = "/embeddings"

# What servers write into `owned_by` that go on with an assistant's message when they are told to.
PREFILLING = frozenset({"llamacpp", "sglang", "vllm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEngineOptions:
    """How to reach one server. `url` ends in `/v1`; `extra` goes into every body.

    A connection that stays silent for `stall_s` is given up; a server that answers every health
    check but not this stream is found that way. With its finish reason an answer is whole: usage
    and `[DONE]` are waited for `finish_s`, and the end of the body `tail_s` more: only then can the
    connection be used again. Without an `ssl_context`, the certificates of https servers are
    checked against the system's authorities. The `clock` is for dates that a server names.
    """

    url: str
    key: str | None = None
    extra: JsonObject = field(default_factory=dict)
    can_reuse_connections: bool = True
    connect_s: float = 5.0
    stall_s: float = 300.0
    probe_s: float = 5.0
    finish_s: float = 10.0
    tail_s: float = 1.0
    ssl_context: ssl.SSLContext | None = None
    clock: Clock = field(default_factory=SystemClock)


class HttpEngine:
    """A client of one server. Built on the event loop that uses it.

    Raises `ValueError` for a URL or a key that cannot be used.
    """

    def __init__(self, options: HttpEngineOptions) -> None:
        self.takes_prefill = False  # until a probe tells
        self._options = options
        self._extra = options.extra
        self._address = address = UpstreamAddress.parse(options.url)
        self._common = self._common_head(options.key)
        self._heads: dict[str, bytes] = {}
        self._counter = Counter(self._call)
        self._pool = UpstreamPool(
            address,
            ssl_context=options.ssl_context,
            connect_s=options.connect_s,
            stall_s=options.stall_s,
            can_reuse=options.can_reuse_connections,
        )

    def move(self, url: str, key: str | None) -> None:
        """Talk to another address from now on; streams that run are left alone."""
        self._address = UpstreamAddress.parse(url)
        self._common = self._common_head(key)
        self._heads = {}
        self._pool.move(self._address)

    def _common_head(self, key: str | None) -> str:
        common = "Accept-Encoding: identity\r\n"
        if key is not None:
            if not (key.isascii() and key.isprintable()):
                raise ValueError("the engine's key holds characters that no header can carry")
            common += f"Authorization: Bearer {key}\r\n"
        if not self._options.can_reuse_connections:
            common += "Connection: close\r\n"
        return common

    def stream(self, turn: AnyTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Run the turn; see `Engine.stream`."""
        match turn:
            case Turn():
                body = encode_turn(turn, model=model, extra=self._extra)
                return self._stream(CHAT, body, ChunkReader())
            case TextTurn():
                body = encode_text_turn(turn, model=model, extra=self._extra)
                must_echo = bool(turn.sampling.get("echo"))
                return self._stream(TEXT, body, TextChunkReader(must_echo=must_echo))
            case EmbeddingTurn():
                return self._embed(turn, model=model)
            case _:
                assert_never(turn)

    async def count(self, turn: Turn, *, model: str) -> int | None:
        """Return how many tokens the turn's prompt has; see `Engine.count`."""
        return await self._counter.count(turn, model=model)

    async def _embed(self, turn: EmbeddingTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        body = encode_embedding_turn(turn, model=model)
        connection = await self._ask(EMBEDDINGS, body)
        try:
            if connection.status != 200:
                raise await self._refusal(connection)
            answer = await _body(connection, max_bytes=MAX_EMBEDDINGS_BYTES)
        finally:
            self._pool.release(connection)
        yield [read_embeddings(answer, count=len(turn.inputs))]

    async def _stream(
        self, path: str, body: bytes, reader: ChunkReader | TextChunkReader
    ) -> AsyncGenerator[list[Delta], None]:
        connection = await self._ask(path, body)
        try:
            if connection.status != 200:
                raise await self._refusal(connection)
            if connection.is_encoded:
                raise EngineFailed("the engine compressed its answer, which was not asked for")
            ends_at_s: float | None = None
            while not reader.is_done:
                if reader.has_finished and ends_at_s is None:
                    ends_at_s = asyncio.get_running_loop().time() + self._options.finish_s
                piece = await _next_piece(connection, ends_at_s)
                if not piece:
                    break
                deltas = reader.feed(piece)
                if deltas:
                    yield deltas
                if reader.error is not None:
                    raise reader.error
            if not reader.has_finished:
                raise reader.broken()
            if reader.is_done and not connection.is_complete:
                with suppress(TimeoutError, EngineError):
                    async with asyncio.timeout(self._options.tail_s):
                        while await connection.read():
                            pass
        finally:
            self._pool.release(connection)

    async def models(self) -> list[str]:
        """Return the names that the engine serves; see `Engine.models`.

        What it says of itself there also tells whether it takes a prefill.
        """
        try:
            async with asyncio.timeout(self._options.probe_s):
                connection = await self._ask("/models", None)
                try:
                    body = await _body(connection, max_bytes=MAX_MODELS_BYTES)
                finally:
                    self._pool.release(connection)
        except TimeoutError:
            raise EngineUnavailable("the engine did not answer a probe in time") from None
        if connection.status != 200:
            raise EngineFailed(f"the engine answered {connection.status} to a probe")
        try:
            entries = msgspec.json.decode(body, type=_Models).data
        except UNREADABLE:
            raise EngineFailed("the engine's list of models is not readable") from None
        self.takes_prefill = bool(entries) and all(_is_prefilling(entry) for entry in entries)
        return [entry.id for entry in entries]

    async def close(self) -> None:
        """Let go of every connection; streams that run break off."""
        await self._pool.close()

    async def _call(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of an answer that is not streamed.

        A path that begins with `//` starts at the server's root instead of at its `/v1`.
        """
        connection = await self._ask(path, body)
        try:
            return connection.status, await _body(connection, max_bytes=MAX_MODELS_BYTES)
        finally:
            self._pool.release(connection)

    async def _ask(self, path: str, body: bytes | None) -> UpstreamConnection:
        """Return a connection with the head of the answer to a POST, or to a GET without a body."""
        connection = self._pool.take_idle()
        if connection is not None:
            # The server may have closed it just now: then nothing of an answer was sent.
            with suppress(UpstreamDropped):
                return await self._exchange(connection, self._request(path, body))
        request = self._request(path, body)
        return await self._exchange(await self._pool.connect(), request)

    def _request(self, path: str, body: bytes | None) -> bytes:
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self._head(path, is_post=body is not None)
        return head if body is None else b"%b%d\r\n\r\n%b" % (head, len(body), body)

    def _head(self, path: str, *, is_post: bool) -> bytes:
        is_streamed = path in (CHAT, TEXT)
        accept = "text/event-stream" if is_streamed else "application/json"
        address, route = self._address, path
        if path.startswith("//"):
            address, route = address.root, path[1:]
        head = address.head("POST" if is_post else "GET", route) + self._common
        head += f"Accept: {accept}\r\n"
        end = "Content-Type: application/json\r\nContent-Length: " if is_post else "\r\n"
        return (head + end).encode("ascii")

    async def _exchange(self, connection: UpstreamConnection, request: bytes) -> UpstreamConnection:
        try:
            connection.send(request)
            await connection.wait_for_head()
        except BaseException:
            self._pool.release(connection)
            raise
        return connection

    async def _refusal(self, connection: UpstreamConnection) -> ForebayError:
        status = connection.status
        if status < 400:
            return EngineFailed(f"the engine answered {status} to a chat completion")
        body = await _body(connection, max_bytes=MAX_ERROR_BYTES)
        wish = connection.headers.get(b"retry-after")
        wish_s = retry_after_s(wish, now=self._options.clock.now())
        return engine_error(status, body, retry_after_s=wish_s)


async def _next_piece(connection: UpstreamConnection, ends_at_s: float | None) -> bytes:
    """Return the next piece; b"" for no more, or none until then, of an answer that is whole."""
    if ends_at_s is None:
        return await connection.read()
    with suppress(TimeoutError, EngineError):
        async with asyncio.timeout_at(ends_at_s):
            return await connection.read()
    return b""


async def _body(connection: UpstreamConnection, *, max_bytes: int) -> bytes:
    """Return the body, or the beginning of one that is too long."""
    body = bytearray()
    while len(body) < max_bytes and (piece := await connection.read()):
        body += piece
    return bytes(body[:max_bytes])


class _Entry(msgspec.Struct):
    id: str
    owned_by: object = None


class _Models(msgspec.Struct):
    data: list[_Entry]


def _is_prefilling(entry: _Entry) -> bool:
    return isinstance(entry.owned_by, str) and entry.owned_by in PREFILLING
