"""Which connections are kept, in which order they are used again, and when they are closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.engines.upstream_address import UpstreamAddress
from forebay.engines.upstream_connection import UpstreamConnection
from forebay.engines.upstream_pool import UpstreamPool
from tests.engines.scripted_server import ScriptedServer, Visit, answer_all, serve, sized

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def pool_of(server: ScriptedServer, *, idle_s: float = 15.0) -> AsyncIterator[UpstreamPool]:
    """A pool that is closed in the end."""
    address = UpstreamAddress.parse(server.url)
    pool = UpstreamPool(address, connect_s=5.0, stall_s=5.0, idle_s=idle_s)
    try:
        yield pool
    finally:
        await pool.close()


async def ask(connection: UpstreamConnection) -> None:
    """Ask and read the whole answer."""
    connection.send(REQUEST)
    await connection.wait_for_head()
    while await connection.read():
        pass


async def test_the_connection_used_last_is_taken_first() -> None:
    async with serve(answer_all) as server, pool_of(server) as pool:
        first, second = await pool.connect(), await pool.connect()
        for connection in (first, second):
            await ask(connection)
            pool.release(connection)

        assert pool.take_idle() is second
        assert pool.take_idle() is first
        assert pool.take_idle() is None


async def test_a_connection_idle_for_long_is_closed() -> None:
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await answer_all(visit)
        closed.set()

    async with serve(script) as server, pool_of(server, idle_s=0.01) as pool:
        connection = await pool.connect()
        await ask(connection)
        pool.release(connection)

        await closed.wait()

        assert pool.take_idle() is None


async def test_a_connection_released_later_is_closed_too() -> None:
    closed: asyncio.Queue[int] = asyncio.Queue()

    async def script(visit: Visit) -> None:
        await answer_all(visit)
        closed.put_nowait(visit.number)

    async with serve(script) as server, pool_of(server, idle_s=0.02) as pool:
        first, second = await pool.connect(), await pool.connect()
        await ask(first)
        pool.release(first)
        await ask(second)
        asyncio.get_running_loop().call_later(0.01, pool.release, second)

        assert {await closed.get(), await closed.get()} == {1, 2}


async def test_a_connection_that_the_server_closes_is_forgotten() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(sized(b"x"))
        await visit.writer.drain()

    async with serve(script) as server, pool_of(server) as pool:
        connection = await pool.connect()
        await ask(connection)
        pool.release(connection)
        is_open = True
        async with asyncio.timeout(5):
            while is_open:  # the loop must see the end first
                await asyncio.sleep(0)
                is_open = (taken := pool.take_idle()) is not None
                if taken is not None:
                    pool.release(taken)

    assert not connection.can_be_reused


async def test_a_connection_whose_answer_is_unread_is_not_kept() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await visit.client_closed()

    async with serve(script) as server, pool_of(server) as pool:
        connection = await pool.connect()
        connection.send(REQUEST)
        await connection.wait_for_head()

        pool.release(connection)

        assert pool.take_idle() is None


async def test_a_connection_whose_request_is_not_all_sent_is_not_kept() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        visit.say(sized(b"no", status=b"413 Too Large"))
        await visit.client_closed()

    async with serve(script) as server, pool_of(server) as pool:
        connection = await pool.connect()
        connection.send(REQUEST + b"x" * 16 * 1024 * 1024)
        await connection.wait_for_head()
        assert await connection.read() == b"no"
        assert connection.can_be_reused

        pool.release(connection)

        assert pool.take_idle() is None


async def test_a_move_closes_idle_connections_and_leaves_the_others_their_answer() -> None:
    async with serve(answer_all) as old, serve(answer_all) as new, pool_of(old) as pool:
        idle, busy = await pool.connect(), await pool.connect()
        await ask(idle)
        pool.release(idle)

        pool.move(UpstreamAddress.parse(new.url))

        assert pool.take_idle() is None
        await ask(busy)
        pool.release(busy)
        assert pool.take_idle() is None
        pool.release(await pool.connect())
        assert (old.visits, len(old.requests)) == (2, 2)


async def test_closing_ends_connections_in_use() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.client_closed()

    async with serve(script) as server, pool_of(server) as pool:
        connection = await pool.connect()
        connection.send(REQUEST)

        await pool.close()

        with pytest.raises(EngineUnavailable, match="was closed"):
            await connection.wait_for_head()


async def test_a_connection_that_comes_after_the_close_is_closed() -> None:
    async with serve(answer_all) as server, pool_of(server) as pool:
        await pool.close()

        with pytest.raises(EngineUnavailable, match="was closed"):
            await pool.connect()
