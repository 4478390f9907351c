"""Which connections to an engine are kept, replaced and closed, and when."""

from __future__ import annotations

import asyncio

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.dialects.turn import Turn
from forebay.engines.http import HttpEngine
from tests.engines.http_clients import (
    BODY,
    TURN,
    answering,
    closing_after,
    engine_at,
    silent,
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


async def test_an_answer_read_to_its_end_leaves_the_connection_for_the_next() -> None:
    async with engine_at(answer_all) as (engine, server):
        for _ in range(3):
            await text_of(engine)

        assert (server.visits, len(server.requests)) == (1, 3)


async def test_turns_at_one_time_have_a_connection_each() -> None:
    async with engine_at(answer_all) as (engine, server):
        texts = await asyncio.gather(*[text_of(engine) for _ in range(5)])

        assert (texts, server.visits) == ([TEXT] * 5, 5)


async def test_an_error_read_to_its_end_leaves_the_connection_too() -> None:
    async with engine_at(answering(sized(b"{}", status=b"500 Oops"))) as (engine, server):
        for _ in range(2):
            with pytest.raises(EngineFailed):
                await text_of(engine)

        assert server.visits == 1


async def test_connections_are_closed_after_each_answer_where_they_cannot_be_reused() -> None:
    closed: asyncio.Queue[int] = asyncio.Queue()

    async def script(visit: Visit) -> None:
        await answer_all(visit)
        closed.put_nowait(visit.number)

    async with engine_at(script, can_reuse_connections=False) as (engine, server):
        for number in (1, 2):
            await text_of(engine)
            assert await closed.get() == number

    assert all(b"\r\nConnection: close\r\n" in request for request in server.requests)


@pytest.mark.parametrize("headers", [b"Connection: close\r\n", b""])
async def test_a_connection_that_the_server_closed_is_replaced(headers: bytes) -> None:
    answer = sized(BODY, headers=headers)
    async with engine_at(closing_after(answer)) as (engine, server):
        for _ in range(3):
            assert await text_of(engine) == TEXT

        assert (server.visits, len(server.requests)) == (3, 3)


async def test_a_kept_connection_that_dies_without_a_byte_is_replaced_once() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            visit.say(chunked())
            await visit.request()

    async with engine_at(script) as (engine, server):
        assert await text_of(engine) == TEXT

        with pytest.raises(EngineUnavailable, match="without an answer"):
            await text_of(engine)

        assert (server.visits, len(server.requests)) == (2, 3)


async def test_a_kept_connection_that_dies_after_a_byte_is_not_replaced() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(chunked())
        await visit.request()
        visit.say(b"H")

    async with engine_at(script) as (engine, server):
        await text_of(engine)

        with pytest.raises(EngineUnavailable, match="broke off"):
            await text_of(engine)

        assert server.visits == 1


async def test_a_new_connection_that_dies_without_a_byte_is_not_replaced() -> None:
    async with engine_at(closing_after(b"")) as (engine, server):
        with pytest.raises(EngineUnavailable, match="without an answer") as error:
            await text_of(engine)

        assert server.visits == 1
    assert not isinstance(error.value, EngineUnreachable)


async def test_the_end_of_a_body_is_waited_for_after_done() -> None:
    heard = asyncio.Event()

    async def script(visit: Visit) -> None:
        while await visit.request():
            visit.say(CHUNKED + b"".join(map(chunk, FRAMES)))
            await heard.wait()
            visit.say(LAST_CHUNK)

    async with engine_at(script) as (engine, server):
        stream = engine.stream(TURN, model="m")
        async for deltas in stream:
            if deltas[-1].finish_reason:
                asyncio.get_running_loop().call_soon(heard.set)
        await text_of(engine)

        assert server.visits == 1


@pytest.mark.parametrize("tail", [b"", b"nonsense"])
async def test_a_body_that_goes_wrong_after_done_harms_nothing(tail: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + b"".join(map(chunk, FRAMES)) + tail)
        await visit.client_closed()

    async with engine_at(script, tail_s=0.02) as (engine, server):
        assert await text_of(engine) == TEXT
        assert await text_of(engine) == TEXT

        assert server.visits == 2


@pytest.mark.parametrize("is_closed", [True, False])
async def test_an_answer_with_its_finish_reason_is_whole_whatever_comes_then(
    is_closed: bool,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + b"".join(map(chunk, FRAMES[:-1])))
        if not is_closed:
            await visit.client_closed()

    async with engine_at(script, finish_s=0.02) as (engine, _):
        assert await text_of(engine) == TEXT


async def test_closing_the_stream_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + chunk(FRAMES[1]))
        await visit.client_closed()
        closed.set()

    async with engine_at(script) as (engine, _):
        stream = engine.stream(TURN, model="m")
        await anext(stream)
        await stream.aclose()

        await closed.wait()


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX: ", CHUNKED])
async def test_cancelling_a_turn_closes_the_connection(begun: bytes) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(begun)
        await visit.writer.drain()
        asked.set()
        await visit.client_closed()
        closed.set()

    async with engine_at(script) as (engine, _):
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(text_of(engine))
            await asked.wait()
            running.cancel()

        await closed.wait()


async def test_cancelling_a_turn_whose_request_is_not_all_sent_closes_the_connection() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        asked.set()
        await visit.client_closed()
        closed.set()

    turn = Turn(model="m", messages=[{"role": "user", "content": "x" * 16 * 1024 * 1024}])
    async with engine_at(script) as (engine, _):
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(anext(engine.stream(turn, model="m")))
            await asked.wait()
            running.cancel()

        await closed.wait()


async def test_closing_the_engine_breaks_off_its_streams() -> None:
    async with engine_at(silent) as (engine, server):
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(told(engine))
            async with asyncio.timeout(5):
                while not server.requests:  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(0)
            await engine.close()

        assert isinstance(running.result(), EngineUnavailable)


async def told(engine: HttpEngine) -> Exception | None:
    """Run a turn and return its error."""
    try:
        await text_of(engine)
    except Exception as error:
        return error
    return None
