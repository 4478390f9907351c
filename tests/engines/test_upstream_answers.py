"""What a connection makes of the bytes that come: heads, bodies, and what is neither."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable
from forebay.engines.upstream_connection import (
    MAX_HEAD_BYTES,
)
from tests.engines.line import BODY, Line
from tests.engines.scripted_server import CHUNKED, FRAMES, LAST_CHUNK, chunk, chunked, sized


@pytest.mark.parametrize("answer", [chunked(), sized(BODY)], ids=["chunked", "sized"])
async def test_an_answer_may_be_torn_at_every_offset(answer: bytes) -> None:
    for offset in range(1, len(answer)):
        line = Line()
        line.hear(answer[:offset], answer[offset:])
        await line.connection.wait_for_head()
        assert line.connection.status == 200
        assert await line.body() == BODY
        assert line.connection.can_be_reused


async def test_an_answer_may_come_byte_by_byte() -> None:
    line = Line()
    answer = chunked()

    line.hear(*[answer[i : i + 1] for i in range(len(answer))])

    assert await line.body() == BODY


async def test_all_that_has_come_is_one_piece() -> None:
    line = Line()
    line.hear(CHUNKED, chunk(FRAMES[0]) + chunk(FRAMES[1]), chunk(FRAMES[2]))

    assert await line.connection.read() == b"".join(FRAMES[:3])

    line.hear(chunk(FRAMES[3]) + chunk(FRAMES[4]) + LAST_CHUNK)

    assert await line.connection.read() == b"".join(FRAMES[3:])
    assert await line.connection.read() == b""


async def test_a_reader_is_woken_by_what_comes() -> None:
    line = Line()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(line.body())
        await asyncio.sleep(0)
        for read in (CHUNKED, chunk(FRAMES[0]), chunk(FRAMES[1]), LAST_CHUNK):
            line.hear(read)
            await asyncio.sleep(0)

    assert reading.result() == FRAMES[0] + FRAMES[1]


async def test_chunk_extensions_and_trailers_are_no_part_of_the_body() -> None:
    line = Line()
    line.hear(CHUNKED, chunk(b"one", extension=b";a=b;c"), chunk(b"two", extension=b" "))
    line.hear(b"0\r\nContent-Encoding: gzip\r\nX-Took: 3\r\n\r\n")

    assert await line.body() == b"onetwo"
    assert b"x-took" not in line.connection.headers
    assert not line.connection.is_encoded
    assert line.connection.can_be_reused


async def test_a_body_may_end_with_the_connection() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\n\r\n", BODY)
    line.connection.eof_received()

    assert await line.body() == BODY
    assert not line.connection.can_be_reused


async def test_a_body_cut_off_by_a_reset_is_no_whole_body() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\n\r\n", BODY)
    line.connection.connection_lost(ConnectionResetError("reset"))

    assert await line.connection.read() == BODY
    with pytest.raises(EngineUnavailable, match="broke off its answer"):
        await line.connection.read()


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + chunk(b"some"),
        CHUNKED + b"5\r\nso",
        CHUNKED + chunk(b"some") + b"0\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome",
    ],
)
async def test_what_came_before_a_break_is_read_before_it_is_told(answer: bytes) -> None:
    line = Line()
    line.hear(answer)
    line.connection.eof_received()

    assert (await line.connection.read()).startswith(b"so")
    with pytest.raises(EngineUnavailable, match="broke off its answer"):
        await line.connection.read()
    assert line.ended == [line.connection]


async def test_informational_answers_are_skipped() -> None:
    line = Line()
    line.hear(
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Encoding: gzip\r\n\r\n" + sized(b"x")
    )
    await line.connection.wait_for_head()

    assert line.connection.status == 200
    assert line.connection.headers == {b"content-length": b"1"}
    assert await line.body() == b"x"


async def test_an_upgrade_is_an_answer_and_the_end() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI")
    await line.connection.wait_for_head()

    assert line.connection.status == 101
    assert not line.connection.can_be_reused


@pytest.mark.parametrize(
    "answer",
    [
        b"\x15\x03\x01\x00\x02\x02",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKED + b"many\r\n",
        CHUNKED + b"-1\r\n",
    ],
)
async def test_what_is_not_http_is_said_so(answer: bytes) -> None:
    line = Line()
    line.hear(answer)

    with pytest.raises(EngineFailed, match="is not HTTP"):
        await line.body()
    assert line.transport.is_aborted


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9, CHUNKED + b"0\r\nX: "],
    ids=["one long header", "many headers", "a trailer"],
)
async def test_a_head_or_trailer_without_an_end_is_given_up(beginning: bytes) -> None:
    line = Line()
    line.hear(beginning)
    for _ in range(MAX_HEAD_BYTES // 1024):
        line.hear(b"y" * 1024)

    with pytest.raises(EngineFailed, match="too long a head"):
        await line.body()


async def test_informational_answers_without_an_end_are_given_up() -> None:
    line = Line()
    answer = b"HTTP/1.1 100 Continue\r\n\r\n"
    line.hear(*[answer] * (MAX_HEAD_BYTES // len(answer) + 1))

    with pytest.raises(EngineFailed, match="too long a head"):
        await line.connection.wait_for_head()


async def test_a_second_answer_changes_nothing_of_the_first() -> None:
    line = Line()
    line.hear(sized(b"x") + sized(b"y", status=b"500 Oops", headers=b"Content-Encoding: gzip\r\n"))

    assert line.connection.status == 200
    assert not line.connection.is_encoded


@pytest.mark.parametrize(
    ("headers", "is_encoded"),
    [
        (b"", False),
        (b"Content-Encoding: Identity\r\n", False),
        (b"CONTENT-ENCODING: gzip\r\n", True),
        (b"Content-Encoding: gzip, identity\r\n", True),
    ],
)
async def test_an_encoded_body_is_known_by_its_head(headers: bytes, is_encoded: bool) -> None:
    line = Line()
    line.hear(sized(b"x", headers=headers))

    assert line.connection.is_encoded is is_encoded


async def test_an_encoded_transfer_is_encoded_too() -> None:
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")

    assert line.connection.is_encoded
