"""One exchange: callers that leave, streams that are silent, streams that end well."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message, Scope

from forebay.api.connection import Connection
from forebay.dialects.turn import Delta
from tests.api.conftest import MODEL, Front
from tests.fakes import Gate, ScriptedEngine, looped

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
SCOPE: Scope = {"type": "http", "headers": [(b"x-name", b"value")]}


class Wire:
    """The other end of a connection."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.put_nowait(message)

    def connect(self, **patience: float) -> Connection:
        return Connection(SCOPE, self.receive, self.send, request_id="req_1", **patience)


async def test_a_silent_stream_is_opened_and_kept_alive_with_comments() -> None:
    wire = Wire()
    connection = wire.connect(watch_after_s=0, keep_alive_s=0.001)
    connection.watch(is_streamed=True)
    messages = [await wire.sent.get() for _ in range(3)]
    connection.unwatch()
    assert messages[0]["status"] == 200
    assert [message["body"] for message in messages[1:]] == [b": keep-alive\n\n"] * 2


async def test_comments_do_not_open_a_stream_that_may_still_be_refused() -> None:
    wire = Wire()
    connection = wire.connect(watch_after_s=0, keep_alive_s=0)
    connection.watch(is_streamed=True, silent_s=60)
    await looped()
    assert wire.sent.empty() and not connection.has_begun
    await connection.send_events(b"data: 1\n\n")
    messages = [await wire.sent.get() for _ in range(3)]
    connection.unwatch()
    assert messages[2]["body"] == b": keep-alive\n\n"


async def test_a_whole_answer_is_never_begun_by_comments() -> None:
    wire = Wire()
    connection = wire.connect(watch_after_s=0, keep_alive_s=0.001)
    connection.watch(is_streamed=False)
    await looped()
    connection.unwatch()
    assert wire.sent.empty() and not connection.has_begun


async def test_a_caller_that_leaves_cancels_whoever_answers() -> None:
    wire = Wire()
    connection = wire.connect(watch_after_s=0)
    cancelled = asyncio.Event()

    async def answer() -> None:
        connection.watch(is_streamed=True)
        wire.left.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()

    await answer()
    assert cancelled.is_set() and connection.is_gone


async def test_an_answer_that_is_over_in_a_moment_is_not_watched() -> None:
    wire = Wire()
    wire.left.set()
    connection = wire.connect(watch_after_s=60)
    connection.watch(is_streamed=True)
    await looped()
    connection.unwatch()
    assert not connection.is_gone


async def test_a_header_is_found_by_its_lower_case_name() -> None:
    connection = Wire().connect()
    assert connection.header(b"x-name") == "value"
    assert connection.header(b"x-other") is None


async def test_leaving_a_stream_ends_the_turn_in_the_engine(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([[Delta(text="Hel")], gate])
    stream = await front.openai.chat.completions.create(**_stream())
    async for _ in stream:
        break
    await gate.reached.wait()
    await stream.close()
    await engine.was_cancelled.wait()
    assert engine.in_flight == 0


async def test_leaving_before_a_whole_answer_ends_the_turn_in_the_engine(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate])
    calling = asyncio.create_task(front.http.post("/v1/chat/completions", json=CHAT))
    await gate.reached.wait()
    calling.cancel()
    await asyncio.wait([calling])
    assert engine.in_flight == 0


def _stream() -> dict[str, Any]:
    return {**CHAT, "stream": True}
