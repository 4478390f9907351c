"""Answers that last: they end when their caller leaves, and silent streams are kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from forebay.api.lasting import ends_with_caller, event_stream
from forebay.core.errors import NotFound
from forebay.store.database import StoreFailed
from tests.api.test_connection import Wire
from tests.fakes import looped

SCOPE: Scope = {"type": "http", "method": "GET", "forebay.request_id": "req_1"}


class Source:
    """Events that come when the test says so, and an end that it can see."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.has_ended = False

    async def events(self) -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self.coming.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.has_ended = True


async def bodies(wire: Wire, count: int) -> list[bytes]:
    """Return what is sent next, without what opens the answer."""
    messages = [await wire.sent.get() for _ in range(count)]
    return [message["body"] for message in messages if "body" in message]


async def test_a_caller_that_leaves_cancels_the_block() -> None:
    wire = Wire()
    wire.left.set()
    with pytest.raises(ClientDisconnect):
        async with ends_with_caller(wire.receive):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_whoever_else_cancels_the_block_is_not_taken_for_the_caller() -> None:
    wire = Wire()

    async def answer() -> None:
        async with ends_with_caller(wire.receive):
            await asyncio.Event().wait()

    answering = asyncio.create_task(answer())
    await asyncio.sleep(0)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering


async def test_a_block_that_ends_before_its_caller_leaves_is_left_in_peace() -> None:
    wire = Wire()
    async with ends_with_caller(wire.receive):
        pass
    wire.left.set()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_events_are_passed_on_to_their_end() -> None:
    wire, source = Wire(), Source()
    for piece in (b"one", b"two", None):
        source.coming.put_nowait(piece)
    stream = await event_stream(source.events())
    await stream(SCOPE, wire.receive, wire.send)
    assert await bodies(wire, 4) == [b"one", b"two", b""]
    assert source.has_ended


async def test_a_refusal_comes_before_the_stream_is_opened() -> None:
    source = Source()
    source.coming.put_nowait(NotFound("nothing of that id"))
    with pytest.raises(NotFound):
        await event_stream(source.events())
    assert source.has_ended


async def test_a_silent_stream_is_opened_and_kept_alive_with_comments() -> None:
    wire, source = Wire(), Source()
    stream = await event_stream(source.events(), opens_after_s=0.001, keep_alive_s=0.001)
    sending = asyncio.create_task(stream(SCOPE, wire.receive, wire.send))
    assert await bodies(wire, 3) == [b": keep-alive\n\n"] * 2
    source.coming.put_nowait(b"at last")
    source.coming.put_nowait(None)
    await sending
    rest = await bodies(wire, wire.sent.qsize())
    assert [piece for piece in rest if not piece.startswith(b":")] == [b"at last", b""]
    assert rest[-1] == b""


async def test_a_reader_that_leaves_ends_its_reading() -> None:
    wire, source = Wire(), Source()
    stream = await event_stream(source.events(), opens_after_s=0)
    wire.left.set()
    await stream(SCOPE, wire.receive, wire.send)
    assert source.has_ended


async def test_a_stream_that_breaks_off_is_not_ended_as_if_it_were_whole() -> None:
    wire, source = Wire(), Source()
    source.coming.put_nowait(b"one")
    source.coming.put_nowait(StoreFailed("the database is away"))
    stream = await event_stream(source.events())
    await stream(SCOPE, wire.receive, wire.send)
    messages = [wire.sent.get_nowait() for _ in range(wire.sent.qsize())]
    assert messages[-1] == {"type": "http.response.body", "body": b"one", "more_body": True}
    assert source.has_ended


async def test_a_caller_that_is_cut_off_before_the_first_event_leaves_nothing_open() -> None:
    source = Source()
    opening = asyncio.create_task(event_stream(source.events()))
    await looped()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert source.has_ended


async def test_of_a_stream_whose_head_is_asked_for_no_event_is_sent() -> None:
    wire, source = Wire(), Source()
    source.coming.put_nowait(b"one")
    stream = await event_stream(source.events())
    await stream({**SCOPE, "method": "HEAD"}, wire.receive, wire.send)
    assert await bodies(wire, 2) == [b""]
    assert source.has_ended
