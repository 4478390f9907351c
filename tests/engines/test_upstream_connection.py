"""What a connection makes of the bytes that come; its socket and its time are moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from forebay.core.errors import EngineFailed, EngineUnavailable
from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import (
    MAX_HEAD_BYTES,
    MAX_UNREAD_BYTES,
    UpstreamConnection,
    UpstreamDropped,
)
from tests.engines.scripted_server import CHUNKED, FRAMES, LAST_CHUNK, chunk, chunked, sized

BODY = b"".join(FRAMES)
REQUEST = b"POST / HTTP/1.1\r\n\r\n"
STALL_S = 300.0


class ManualLoop:
    """A loop whose time is moved by hand; its futures belong to the loop that runs."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[asyncio.TimerHandle] = []

    def as_loop(self) -> asyncio.AbstractEventLoop:
        """Return this as the loop that it is as far as connections need one."""
        return cast(asyncio.AbstractEventLoop, self)

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.now + delay, callback, args, self.as_loop(), context)
        self.timers.append(timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def pass_time(self, seconds: float) -> None:
        """Run the timers that are due after so long."""
        self.now += seconds
        due = [timer for timer in self.timers if timer.when() <= self.now]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            if not timer.cancelled():
                timer._run()

    @property
    def waiting(self) -> int:
        """How many timers may still fire."""
        return sum(not timer.cancelled() for timer in self.timers)


class RecordingTransport(asyncio.Transport):
    """A socket that only remembers what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Line:
    """A connection with its ends in our hands."""

    def __init__(self, *, has_asked: bool = True) -> None:
        self.loop = ManualLoop()
        self.transport = RecordingTransport()
        self.ended: list[UpstreamConnection] = []
        self.connection = UpstreamConnection(
            UpstreamAddress.parse("http://127.0.0.1/v1"),
            loop=self.loop.as_loop(),
            stall_s=STALL_S,
            on_end=self.ended.append,
        )
        self.connection.connection_made(self.transport)
        if has_asked:
            self.connection.send(REQUEST)

    def hear(self, *reads: bytes) -> None:
        """Let bytes come, each argument as one read of the socket."""
        for read in reads:
            self.connection.data_received(read)

    async def body(self) -> bytes:
        """Return the rest of the body."""
        pieces = []
        while piece := await self.connection.read():
            pieces.append(piece)
        return b"".join(pieces)


async def test_a_request_is_one_write() -> None:
    line = Line()

    assert line.transport.written == [REQUEST]


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


async def test_a_second_answer_changes_nothing_of_the_first() -> None:
    line = Line()
    line.hear(sized(b"x") + sized(b"y", status=b"500 Oops", headers=b"Content-Encoding: gzip\r\n"))

    assert line.connection.status == 200
    assert not line.connection.is_encoded


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
