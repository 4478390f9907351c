"""An engine that answers by rote: the same prompt gets the same answer, at a pace that is set.

It speaks the streaming chat API of an OpenAI-compatible server, as far as the service asks for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

MODEL = "rote"
PIECES = 8


def pieces_of(prompt: str) -> list[str]:
    """Return the answer to a prompt, piece by piece."""
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    width = len(digest) // PIECES
    return [digest[start : start + width] for start in range(0, len(digest), width)]


def answer_to(prompt: str) -> str:
    """Return the whole answer to a prompt."""
    return "".join(pieces_of(prompt))


class RoteEngine:
    """The engine, with counts of the turns that it began and ended.

    While the gate is closed, a turn gives its first piece and then waits.
    """

    def __init__(self, *, pause_s: float) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun_count = 0
        self.ended_count = 0
        self.url = ""
        self._pause_s = pause_s
        self._has_changed = asyncio.Condition()

    async def until_begun(self, count: int) -> None:
        """Return once that many turns have given their first piece."""
        async with self._has_changed:
            await self._has_changed.wait_for(lambda: self.begun_count >= count)

    async def until_ended(self, count: int) -> None:
        """Return once that many turns were given to their end."""
        async with self._has_changed:
            await self._has_changed.wait_for(lambda: self.ended_count >= count)

    async def models(self, _: web.Request) -> web.Response:
        """Answer a probe."""
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Stream one turn."""
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        if not isinstance(prompt, str):
            prompt = "".join(part["text"] for part in prompt)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionResetError):  # whoever asked was killed, or cut it short
            await self._answer(prompt, response)
        return response

    async def _answer(self, prompt: str, response: web.StreamResponse) -> None:
        for number, piece in enumerate(pieces_of(prompt)):
            await response.write(_chunk(choices=[_choice({"content": piece})]))
            if number == 0:
                await self._count(begun=1)
                await self.gate.wait()
            await asyncio.sleep(self._pause_s)
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": PIECES}
        await response.write(_chunk(choices=[_choice({}, finish_reason="stop")]))
        await response.write(_chunk(choices=[], usage=usage))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        await self._count(ended=1)

    async def _count(self, *, begun: int = 0, ended: int = 0) -> None:
        async with self._has_changed:
            self.begun_count += begun
            self.ended_count += ended
            self._has_changed.notify_all()


@asynccontextmanager
async def rote_engine(*, pause_s: float = 0.01) -> AsyncIterator[RoteEngine]:
    """Run the engine on a free loopback port of this process."""
    engine = RoteEngine(pause_s=pause_s)
    app = web.Application()
    app.router.add_get("/v1/models", engine.models)
    app.router.add_post("/v1/chat/completions", engine.chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        engine.url = f"http://{host}:{port}/v1"
        yield engine
    finally:
        engine.gate.set()
        await runner.cleanup()


def _chunk(**fields: object) -> bytes:
    chunk = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return b"data: " + json.dumps(chunk | fields).encode() + b"\n\n"


def _choice(delta: dict[str, str], *, finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}
