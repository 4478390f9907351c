"""The life of a connection: asked, reused, paused, given up when silent, closed."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.engines.upstream_connection import (
    MAX_UNREAD_BYTES,
    UpstreamDropped,
)
from tests.engines.line import REQUEST, STALL_S, Line
from tests.engines.scripted_server import CHUNKED, FRAMES, chunk, sized


async def test_a_request_is_one_write() -> None:
    line = Line()

    assert line.transport.written == [REQUEST]


async def test_an_end_before_any_byte_is_told_from_one_after_the_first() -> None:
    silent, begun, informed = Line(), Line(), Line()
    begun.hear(b"H")
    informed.hear(b"HTTP/1.1 100 Continue\r\n\r\n")

    for line in (silent, begun, informed):
        line.connection.eof_received()

    with pytest.raises(UpstreamDropped):
        await silent.connection.wait_for_head()
    for line in (begun, informed):
        with pytest.raises(EngineUnavailable) as error:
            await line.connection.wait_for_head()
        assert not isinstance(error.value, UpstreamDropped)


async def test_a_request_on_a_connection_that_has_just_ended_is_dropped() -> None:
    line = Line(has_asked=False)
    line.connection.eof_received()
    line.connection.send(REQUEST)

    with pytest.raises(UpstreamDropped):
        await line.connection.wait_for_head()
    assert line.transport.written == []


@pytest.mark.parametrize(
    "answer",
    [
        sized(b"x", headers=b"Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        sized(b"x") + b"HTTP/1.1 200",
        sized(b"x") + b"\x00",
        sized(b"x") + sized(b"y"),
    ],
)
async def test_only_a_clean_end_leaves_a_connection_for_another_request(answer: bytes) -> None:
    line = Line()
    line.hear(answer)

    assert await line.body() == b"x"
    assert not line.connection.can_be_reused


async def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    line = Line()
    line.hear(sized(b"x"))
    assert await line.body() == b"x"

    line.hear(sized(b"y", status=b"408 Request Timeout"))

    assert line.transport.is_aborted
    assert line.ended == [line.connection]


async def test_a_connection_forgets_the_answer_before() -> None:
    line = Line()
    line.hear(sized(b"unread", status=b"429 Too Many", headers=b"Retry-After: 1\r\n"))

    line.connection.send(REQUEST)

    assert (line.connection.status, line.connection.headers) == (0, {})
    line.hear(sized(b"x"))
    assert await line.body() == b"x"


async def test_reading_pauses_while_too_much_is_unread() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * MAX_UNREAD_BYTES)
    assert not line.transport.is_paused
    line.hear(b"x")
    assert line.transport.is_paused

    assert len(await line.connection.read()) == MAX_UNREAD_BYTES + 1

    assert not line.transport.is_paused
    line.hear(b"x" * MAX_UNREAD_BYTES)
    assert not line.transport.is_paused


async def test_a_silent_server_is_given_up() -> None:
    line = Line()
    line.hear(CHUNKED)
    line.loop.pass_time(STALL_S)

    with pytest.raises(EngineUnavailable, match="silent for too long"):
        await line.body()
    assert line.transport.is_aborted


async def test_every_byte_gives_a_server_its_time_again() -> None:
    line = Line()
    for read in (CHUNKED, *map(chunk, FRAMES)):
        line.loop.pass_time(STALL_S - 1)
        line.hear(read)
        assert line.loop.waiting == 1

    assert not line.transport.is_aborted
    line.loop.pass_time(1)
    assert not line.transport.is_aborted
    line.loop.pass_time(STALL_S - 1)
    assert line.transport.is_aborted


async def test_a_slow_reader_is_not_held_against_the_server() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * (MAX_UNREAD_BYTES + 1))
    for _ in range(3):
        line.loop.pass_time(STALL_S)
    await line.connection.read()
    line.loop.pass_time(STALL_S - 1)
    assert not line.transport.is_aborted

    line.loop.pass_time(STALL_S)

    assert line.transport.is_aborted


async def test_silence_between_two_requests_is_no_stall() -> None:
    line = Line()
    line.hear(sized(b"x"))
    line.loop.pass_time(STALL_S)
    assert line.loop.waiting == 0

    line.connection.send(REQUEST)

    line.loop.pass_time(STALL_S - 1)
    assert not line.transport.is_aborted
    line.loop.pass_time(1)
    assert line.transport.is_aborted


async def test_a_closed_connection_leaves_no_timer_and_tells_its_reader() -> None:
    line = Line()
    asyncio.get_running_loop().call_soon(line.connection.close)

    with pytest.raises(EngineUnavailable, match="was closed"):
        await line.connection.wait_for_head()

    assert line.loop.waiting == 0
    assert line.ended == [line.connection]
