"""The baseline: the least a gateway made of the same libraries can do. No keys, ledger or store.

Like Forebay it always asks the upstream for a stream; it assembles the answer, or passes the bytes
on as they come to a caller that wants the stream.
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.chunk import STREAM_END, decode_chunk

_EVENT_START = len(b"data: ")


class BareGateway:
    """Chat completions on one upstream; the client session lives as long as the app."""

    session: aiohttp.ClientSession

    def __init__(self, upstream: str) -> None:
        self.chat_url = f"{upstream}/v1/chat/completions"

    def app(self) -> Starlette:
        """Make the ASGI app, with a health route to see that it is up."""
        routes = [
            Route("/health", self._health),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with client_session() as self.session:
            yield

    async def _health(self, request: Request) -> Response:
        return Response()

    async def _chat(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        is_streamed = body.get("stream", False)
        answer = await self.session.post(
            self.chat_url,
            data=msgspec.json.encode({**body, "stream": True}),
            headers={"content-type": "application/json"},
        )
        if is_streamed:
            return StreamingResponse(_relay(answer), media_type="text/event-stream")
        return Response(await assembled(answer), media_type="application/json")


async def _relay(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        async for received in answer.content.iter_any():
            yield received


def client_session() -> aiohttp.ClientSession:
    """Make a session of as many connections as are asked for."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )


async def assembled(answer: aiohttp.ClientResponse) -> bytes:
    """Read a streamed completion to its end, and give it as one object."""
    content: list[str] = []
    finish_reason = usage = None
    model, pending = "", b""
    async with answer:
        async for received in answer.content.iter_any():
            *events, pending = (pending + received).split(b"\n\n")
            for event in events:
                payload = event[_EVENT_START:]
                if payload == STREAM_END:
                    continue
                chunk = decode_chunk(payload)
                model = chunk.model
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    content.append(choice.delta.content or "")
                    finish_reason = choice.finish_reason or finish_reason
    message = {"role": "assistant", "content": "".join(content)}
    return msgspec.json.encode({
        "id": "chatcmpl-bare",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": usage,
    })  # fmt: skip


def main() -> None:
    """Serve until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="URL without /v1")
    arguments = parser.parse_args()
    uvicorn.run(
        BareGateway(arguments.upstream).app(),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
