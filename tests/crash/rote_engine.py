"""An engine that answers by rote: the same prompt gets the same answer, at a pace that is set.

It speaks the streaming chat API of an OpenAI-compatible server, as far as the service asks for it.
Like vLLM, it goes on with an assistant's message when it is told to.
"""

from __future__ import annotations

import asyncio
import collections
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from forebay.lanes.wake import first_of

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


@dataclass(frozen=True, slots=True)
class Asked:
    """A turn that the engine was asked for; `begun` is the answer that it was to go on with."""

    prompt: str
    begun: str


class RoteEngine:
    """The engine, with counts of the turns that it began and ended, and of those cut short.

    While the gate is closed, a turn gives its first pieces, as many as `holds_behind` says, and
    then waits; `held` are the prompts of those that wait.
    """

    def __init__(self, *, pause_s: float) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.holds_behind = 1
        self.begun_count = 0
        self.ended_count = 0
        self.cut_count = 0
        self.asked: list[Asked] = []
        self.held: list[str] = []
        self.url = ""
        self._let_go: dict[str, asyncio.Event] = collections.defaultdict(asyncio.Event)
        self._pause_s = pause_s
        self._has_changed = asyncio.Condition()

    def let_go(self, prompt: str) -> None:
        """Let the turn with this prompt go on, although the gate is closed."""
        self._let_go[prompt].set()

    async def until_begun(self, count: int) -> None:
        """Return once that many turns have given their first piece."""
        await self._until(lambda: self.begun_count >= count)

    async def until_ended(self, count: int) -> None:
        """Return once that many turns were given to their end."""
        await self._until(lambda: self.ended_count >= count)

    async def until_held(self, count: int) -> None:
        """Return once that many turns wait at the gate."""
        await self._until(lambda: len(self.held) >= count)

    async def until_holding(self, prompts: Collection[str]) -> None:
        """Return once the turns with all these prompts wait at the gate."""
        await self._until(lambda: set(prompts) <= set(self.held))

    async def until_cut(self, count: int) -> None:
        """Return once that many turns were left by whoever had asked for them."""
        await self._until(lambda: self.cut_count >= count)

    async def models(self, _: web.Request) -> web.Response:
        """Answer a probe."""
        model = {"id": MODEL, "object": "model", "owned_by": "vllm"}
        return web.json_response({"object": "list", "data": [model]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Stream one turn."""
        asked = _asked(await request.json())
        self.asked.append(asked)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            with suppress(ConnectionResetError):  # whoever asked was killed, or cut it short
                await self._answer(asked, response)
        except asyncio.CancelledError:
            self.cut_count += 1
            await self._tell()
            raise
        return response

    async def _answer(self, asked: Asked, response: web.StreamResponse) -> None:
        pieces = pieces_of(asked.prompt)
        said = len(asked.begun) // len(pieces[0])
        await self._hold(asked, said)
        for number, piece in enumerate(pieces[said:], start=said + 1):
            await response.write(_chunk(choices=[_choice({"content": piece})]))
            if number == said + 1:
                self.begun_count += 1
                await self._tell()
            await self._hold(asked, number)
            await asyncio.sleep(self._pause_s)
        usage = {
            "prompt_tokens": len(asked.prompt.split()) + said,
            "completion_tokens": PIECES - said,
        }
        await response.write(_chunk(choices=[_choice({}, finish_reason="stop")]))
        await response.write(_chunk(choices=[], usage=usage))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        self.ended_count += 1
        await self._tell()

    async def _hold(self, asked: Asked, number: int) -> None:
        """Wait at the gate, if this is the place for it."""
        if number != self.holds_behind or self.gate.is_set():
            return
        self.held.append(asked.prompt)
        await self._tell()
        try:
            await first_of(self.gate, self._let_go[asked.prompt])
        finally:
            self.held.remove(asked.prompt)

    async def _tell(self) -> None:
        async with self._has_changed:
            self._has_changed.notify_all()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with self._has_changed:
            await self._has_changed.wait_for(is_so)


@asynccontextmanager
async def rote_engine(*, pause_s: float = 0.01) -> AsyncIterator[RoteEngine]:
    """Run the engine on a free loopback port of this process."""
    engine = RoteEngine(pause_s=pause_s)
    app = web.Application()
    app.router.add_get("/v1/models", engine.models)
    app.router.add_post("/v1/chat/completions", engine.chat)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
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


def _asked(body: Mapping[str, Any]) -> Asked:
    """Return what is asked for; a last message of the assistant is an answer that is begun."""
    *_, asking = [message for message in body["messages"] if message["role"] == "user"]
    last, begun = body["messages"][-1], ""
    if last["role"] == "assistant":
        begun = _text(last)
        if not body.get("continue_final_message") or body.get("add_generation_prompt", True):
            raise web.HTTPBadRequest(text="an assistant's message is last, but not to be continued")
        if not answer_to(_text(asking)).startswith(begun):
            raise web.HTTPBadRequest(text="this answer was never begun like that")
    return Asked(_text(asking), begun)


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


def _chunk(**fields: object) -> bytes:
    chunk = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return b"data: " + json.dumps(chunk | fields).encode() + b"\n\n"


def _choice(delta: dict[str, str], *, finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}
