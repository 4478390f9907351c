"""Clients of engines over HTTP, and the scripts of the servers that they talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from forebay.dialects.turn import Turn
from forebay.engines.http import HttpEngine, HttpEngineOptions
from tests.engines.scripted_server import (
    FRAMES,
    Script,
    ScriptedServer,
    Visit,
    serve,
)

TURN = Turn(model="m", messages=[{"role": "user", "content": "Hi"}])
BODY = b"".join(FRAMES)


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[HttpEngine]:
    """A client of the engine at `url`, closed in the end."""
    engine = HttpEngine(HttpEngineOptions(url=url, **options))
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def engine_at(
    script: Script, **options: Any
) -> AsyncIterator[tuple[HttpEngine, ScriptedServer]]:
    """A client, and the server that it talks to."""
    async with serve(script) as server, client(server.url, **options) as engine:
        yield engine, server


async def text_of(engine: HttpEngine) -> str:
    """Run a turn to its end and return its text."""
    parts: list[str] = []
    async with aclosing(engine.stream(TURN, model="its-name")) as stream:
        async for deltas in stream:
            parts += [delta.text for delta in deltas]
    return "".join(parts)


def answering(answer: bytes) -> Script:
    """Give every request this answer, and close after the last."""

    async def script(visit: Visit) -> None:
        while await visit.request():
            visit.say(answer)

    return script


def closing_after(answer: bytes) -> Script:
    """Give the first request this answer, and close."""

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(answer)

    return script


async def silent(visit: Visit) -> None:
    """Take a request, and never answer."""
    await visit.request()
    await visit.client_closed()
