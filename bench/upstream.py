"""An OpenAI-compatible engine that answers at once, so that all time measured is the gateway's.

Its answers are fixed bytes. A chat completion is always streamed, one server-sent event in each
HTTP chunk, as the usual inference servers send it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

from bench.chunk import STREAM_END

MODEL = "bench-model"
PROMPT_TOKENS = 500
ANSWER_TOKENS = 21

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_HEAD_END = b"\r\n\r\n"


class UpstreamConnection(asyncio.Protocol):
    """One kept-alive connection: answers every whole request that has arrived, in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of `asyncio.Transport` but are none.
        self.transport = cast(asyncio.Transport, transport)
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        pending = self.pending + data if self.pending else data
        while (head_end := pending.find(_HEAD_END)) >= 0:
            head = pending[:head_end]
            request_end = head_end + len(_HEAD_END) + _body_bytes(head)
            if len(pending) < request_end:
                break
            self.answer(_route(head), pending[head_end + len(_HEAD_END) : request_end])
            pending = pending[request_end:]
        self.pending = pending

    def answer(self, route: bytes, body: bytes) -> None:
        """Answer one request, such as `GET /health`."""
        self.transport.write(_ANSWERS.get(route, _NOT_FOUND))


@asynccontextmanager
async def serve_upstream(
    connection: Callable[[], UpstreamConnection] = UpstreamConnection,
) -> AsyncIterator[str]:
    """Serve the upstream on a free port of this machine, and give its URL without `/v1`."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _route(head: bytes) -> bytes:
    """Method and path, as in `GET /health`."""
    return head[: head.find(b" ", head.find(b" ") + 1)]


def _body_bytes(head: bytes) -> int:
    fields = head.lower()
    start = fields.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    return int(fields[start + len(b"\r\ncontent-length:") :].split(b"\r\n", 1)[0])


def http_chunks(words: Sequence[str]) -> list[bytes]:
    """Give the pieces of a streamed completion: a role chunk, one for each word, and the end.

    The end is one piece: a finish chunk, a usage chunk, the end mark and the last HTTP chunk.
    """
    usage = {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": len(words),
        "total_tokens": PROMPT_TOKENS + len(words),
    }
    end = [_chunk(delta={}, finish_reason="stop"), _chunk(usage=usage), STREAM_END]
    return [
        _http_chunk(_chunk(delta={"role": "assistant", "content": ""})),
        *[_http_chunk(_chunk(delta={"content": word})) for word in words],
        b"".join([_http_chunk(event) for event in end]) + b"0\r\n\r\n",
    ]


def _http_chunk(payload: bytes) -> bytes:
    event = b"data: %s\n\n" % payload
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(
    *,
    delta: dict[str, str] | None = None,
    finish_reason: str | None = None,
    usage: dict[str, int] | None = None,
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": [] if delta is None else [choice],
    }
    return json.dumps(chunk if usage is None else {**chunk, "usage": usage}).encode()


def _whole(status: bytes, body: object) -> bytes:
    content = json.dumps(body).encode()
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(content)) + content


_MODEL_CARD = {"id": MODEL, "object": "model", "created": 1, "owned_by": "bench"}
_NOT_FOUND = _whole(b"404 Not Found", {"error": {"message": "no such path"}})
_ANSWERS = {
    b"GET /health": _whole(b"200 OK", {}),
    b"GET /v1/models": _whole(b"200 OK", {"object": "list", "data": [_MODEL_CARD]}),
    b"POST /v1/chat/completions": STREAM_HEAD + b"".join(http_chunks(["word "] * ANSWER_TOKENS)),
}
