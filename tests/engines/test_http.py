"""How a turn is asked for over HTTP, and how its answer is read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import msgspec
import pytest

from forebay.dialects.turn import Turn
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.engines.upstream_connection import MAX_UNREAD_BYTES
from tests.engines.http_clients import (
    BODY,
    TURN,
    answering,
    closing_after,
    engine_at,
    text_of,
)
from tests.engines.scripted_server import (
    CHUNKED,
    FRAMES,
    LAST_CHUNK,
    TEXT,
    Visit,
    answer_all,
    chunk,
    chunked,
    sized,
)


async def test_a_turn_is_asked_for_as_a_streamed_chat_completion() -> None:
    async with engine_at(answer_all, key="k", extra={"cache_salt": "s"}) as (engine, server):
        assert await text_of(engine) == TEXT

    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Accept-Encoding: identity",
        "Authorization: Bearer k",
        "Accept: text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    told = msgspec.json.decode(body)
    assert (told["model"], told["stream"], told["cache_salt"]) == ("its-name", True, "s")


async def test_without_a_key_no_authorization_is_sent() -> None:
    async with engine_at(answer_all) as (engine, server):
        await text_of(engine)

    assert b"authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("key", ["k\r\nX-Evil: 1", "k\n", "k\0", "ключ"])
async def test_a_key_that_no_header_can_carry_is_refused_without_telling_it(key: str) -> None:
    with pytest.raises(ValueError, match="no header can carry") as error:
        HttpEngine(HttpEngineOptions(url="http://127.0.0.1/v1", key=key))

    assert key not in str(error.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1/v1\r\nX-Evil: 1", "ftp://127.0.0.1/v1"])
async def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        HttpEngine(HttpEngineOptions(url=url))


async def test_a_large_request_arrives_whole() -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "x" * 5_000_000}]
    async with engine_at(answer_all) as (engine, server):
        stream = engine.stream(Turn(model="m", messages=messages), model="m")
        assert [deltas async for deltas in stream]

    assert msgspec.json.decode(server.requests[0].split(b"\r\n\r\n")[1])["messages"] == messages


@pytest.mark.parametrize(
    "answer",
    [
        chunked(),
        sized(BODY),
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        CHUNKED + chunk(BODY, extension=b";x=y") + b"0\r\nX-Took: 3\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + chunked(),
        chunked(FRAMES[:-1]),
    ],
    ids=["chunked", "sized", "until close", "1.0", "extensions", "informational", "no [DONE]"],
)
async def test_a_body_may_come_in_any_form(answer: bytes) -> None:
    async with engine_at(closing_after(answer)) as (engine, _):
        assert await text_of(engine) == TEXT


async def test_deltas_come_as_soon_as_the_engine_sends_them() -> None:
    heard = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + chunk(FRAMES[1]))
        await heard.wait()
        visit.say(chunk(b"".join(FRAMES[2:])) + LAST_CHUNK)
        await visit.client_closed()

    async with (
        engine_at(script) as (engine, _),
        aclosing(engine.stream(TURN, model="m")) as stream,
    ):
        assert [delta.text for delta in await anext(stream)] == ["Hel"]
        heard.set()
        assert [delta.text for delta in await anext(stream)] == ["lo ☀", ""]


async def test_an_answer_larger_than_what_is_kept_unread_arrives_whole() -> None:
    frame = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % (b"x" * 1000)
    count = 4 * MAX_UNREAD_BYTES // len(frame)
    answer = chunked([frame] * count + FRAMES)
    async with engine_at(answering(answer)) as (engine, _):
        assert await text_of(engine) == "x" * 1000 * count + TEXT


async def test_a_reader_that_does_not_read_stops_the_engine() -> None:
    frame = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % (b"x" * 65536)
    is_stopped = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + chunk(frame))
        visit.writer.transport.set_write_buffer_limits(high=0)
        with suppress(TimeoutError):
            for _ in range(64 * MAX_UNREAD_BYTES // len(frame)):
                visit.say(chunk(frame))
                async with asyncio.timeout(0.05):
                    await visit.writer.drain()
        is_stopped.set()
        visit.say(chunk(BODY) + LAST_CHUNK)
        await visit.client_closed()

    async with (
        engine_at(script) as (engine, _),
        aclosing(engine.stream(TURN, model="m")) as stream,
    ):
        parts = [delta.text for delta in await anext(stream)]
        await is_stopped.wait()
        parts += [delta.text async for deltas in stream for delta in deltas]

    text = "".join(parts)
    assert text.endswith(TEXT)
    assert len(text) < 32 * MAX_UNREAD_BYTES
