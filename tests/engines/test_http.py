"""How an engine is spoken to over HTTP, by a server that does as each test says."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forebay.core.errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    PromptRejected,
)
from forebay.dialects.turn import Turn
from forebay.engines.http import MAX_ERROR_BYTES, HttpEngine, HttpEngineOptions
from forebay.engines.upstream_connection import MAX_UNREAD_BYTES
from tests.engines.certificates import Authority
from tests.engines.scripted_server import (
    CHUNKED,
    FRAMES,
    LAST_CHUNK,
    TEXT,
    Script,
    ScriptedServer,
    Visit,
    answer_all,
    chunk,
    chunked,
    serve,
    sized,
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


# The request


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


# The answer


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


# Connections


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


# Cancelling


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


# Errors


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\n", CHUNKED, CHUNKED + chunk(FRAMES[0])]
)
async def test_a_silent_engine_is_given_up(begun: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(begun)
        await visit.client_closed()

    async with engine_at(script, stall_s=0.02) as (engine, server):
        with pytest.raises(EngineUnavailable, match="silent for too long"):
            await text_of(engine)

        assert server.visits == 1


async def test_a_kept_connection_that_stalls_is_not_replaced() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(chunked())
        await visit.client_closed()

    async with engine_at(script, stall_s=0.2) as (engine, server):
        await text_of(engine)
        with pytest.raises(EngineUnavailable, match="silent for too long"):
            await text_of(engine)

        assert server.visits == 1


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        (b"Retry-After: 7\r\n", 7.0),
        (b"retry-after: 0.5\r\n", 0.5),
        (b"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", None),
        (b"Retry-After: inf\r\n", None),
        (b"Retry-After: -1\r\n", None),
        (b"", None),
    ],
)
async def test_a_busy_engine_says_when_to_come_back(
    headers: bytes, retry_after_s: float | None
) -> None:
    answer = sized(b"{}", status=b"429 Too Many Requests", headers=headers)
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(EngineBusy) as error:
            await text_of(engine)

    assert error.value.retry_after_s == retry_after_s


async def test_the_words_of_a_refusal_are_passed_on() -> None:
    answer = sized(b'{"error":{"message":"no such tool"}}', status=b"400 Bad Request")
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(PromptRejected, match=r"^no such tool$"):
            await text_of(engine)


async def test_an_error_too_long_to_read_is_cut_off() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * (MAX_ERROR_BYTES + 1))
        await visit.client_closed()

    async with engine_at(script) as (engine, _):
        with pytest.raises(EngineFailed, match="answered 500"):
            await text_of(engine)


@pytest.mark.parametrize("status", [b"302 Found", b"308 Permanent Redirect", b"204 No Content"])
async def test_a_redirect_is_an_error(status: bytes) -> None:
    answer = sized(b"", status=status, headers=b"Location: http://127.0.0.1:1/\r\n")
    async with engine_at(answering(answer)) as (engine, server):
        with pytest.raises(EngineFailed, match=f"answered {status[:3].decode()}"):
            await text_of(engine)

        assert len(server.requests) == 1


async def test_a_compressed_answer_is_an_error() -> None:
    answer = sized(b"\x1f\x8b", headers=b"Content-Encoding: gzip\r\n")
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(EngineFailed, match="compressed"):
            await text_of(engine)


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", CHUNKED + b"zz\r\n"])
async def test_an_answer_that_is_not_http_is_an_error(answer: bytes) -> None:
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(EngineFailed, match="is not HTTP"):
            await text_of(engine)


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + chunk(FRAMES[1]),
        chunked(FRAMES[:2]),
        b"HTTP/1.1 200 OK\r\n\r\n" + FRAMES[1],
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + FRAMES[1],
        sized(b""),
    ],
)
async def test_an_answer_without_its_end_is_an_error(answer: bytes) -> None:
    async with engine_at(closing_after(answer)) as (engine, _):
        with pytest.raises(EngineUnavailable, match="broke off its answer"):
            await text_of(engine)


async def test_a_refused_connection_means_that_nothing_has_run() -> None:
    async with serve(answer_all) as server:
        pass
    async with client(server.url) as engine:
        with pytest.raises(EngineUnreachable, match="cannot be reached"):
            await text_of(engine)
        with pytest.raises(EngineUnreachable, match="cannot be reached"):
            await engine.models()


# TLS and addresses


def secure(server: ScriptedServer, *, name: str = "localhost") -> str:
    """The base URL over TLS."""
    return f"https://{name}:{server.port}/v1"


async def test_an_https_engine_is_checked_and_told_the_name_it_is_asked_by(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, name="localhost")
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with (
        serve(answer_all, tls=tls) as server,
        client(secure(server), ssl_context=authority.client_context()) as engine,
    ):
        assert await text_of(engine) == TEXT
        assert await text_of(engine) == TEXT

        assert (server.visits, names) == (1, ["localhost"])


async def test_cancelling_a_turn_over_tls_closes_the_connection(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + chunk(FRAMES[1]))
        await visit.client_closed()
        closed.set()

    authority = Authority()
    tls = authority.server_context(tmp_path, name="localhost")
    async with (
        serve(script, tls=tls) as server,
        client(secure(server), ssl_context=authority.client_context()) as engine,
    ):
        stream = engine.stream(TURN, model="m")
        await anext(stream)
        await stream.aclose()

        await closed.wait()


async def test_a_body_may_end_with_a_tls_connection(tmp_path: Path) -> None:
    authority = Authority()
    tls = authority.server_context(tmp_path, name="localhost")
    async with (
        serve(closing_after(b"HTTP/1.1 200 OK\r\n\r\n" + BODY), tls=tls) as server,
        client(secure(server), ssl_context=authority.client_context()) as engine,
    ):
        assert await text_of(engine) == TEXT


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
async def test_a_certificate_that_does_not_fit_is_refused(tmp_path: Path, name: str) -> None:
    authority = Authority()
    trusting = authority.client_context() if name != "localhost" else None
    tls = authority.server_context(tmp_path, name=name)
    async with (
        serve(silent, tls=tls) as server,
        client(secure(server), ssl_context=trusting) as engine,
    ):
        with pytest.raises(EngineUnreachable, match="certificate verify failed"):
            await text_of(engine)


async def test_a_server_without_tls_is_not_spoken_to() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(1)
        visit.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serve(script) as server, client(secure(server)) as engine:
        with pytest.raises(EngineUnreachable):
            await text_of(engine)


async def test_a_connection_that_takes_too_long_is_given_up() -> None:
    async with (
        serve(Visit.client_closed) as server,
        client(secure(server), ssl_context=ssl.create_default_context(), connect_s=0.02) as engine,
    ):
        with pytest.raises(EngineUnreachable, match="no connection within"):
            await text_of(engine)


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback; containers may have none."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_an_engine_may_have_an_ipv6_address() -> None:
    async with (
        serve(answer_all, host="::1") as server,
        client(f"http://[::1]:{server.port}/v1") as engine,
    ):
        assert await text_of(engine) == TEXT

    assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in server.requests[0]


async def test_an_engine_that_moves_is_found_there_and_running_streams_go_on() -> None:
    heard = asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED + chunk(FRAMES[1]))
        await heard.wait()
        visit.say(chunk(b"".join(FRAMES[2:])) + LAST_CHUNK)
        await visit.client_closed()

    async with (
        serve(slow) as old,
        serve(answer_all) as new,
        client(old.url, key="old") as engine,
    ):
        running = engine.stream(TURN, model="m")
        await anext(running)

        engine.move(new.url, "new")

        assert await text_of(engine) == TEXT
        heard.set()
        assert [delta.text for delta in await anext(running)] == ["lo ☀", ""]
        assert [deltas async for deltas in running] == []
    assert b"Authorization: Bearer old\r\n" in old.requests[0]
    assert b"Authorization: Bearer new\r\n" in new.requests[0]


# Probes


async def test_a_probe_tells_the_models_over_a_kept_connection() -> None:
    answer = sized(b'{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}')
    async with engine_at(answering(answer), key="k") as (engine, server):
        assert await engine.models() == ["a", "b"]
        assert await engine.models() == ["a", "b"]

        assert server.visits == 1
    head = server.requests[0].decode()
    assert head.startswith("GET /v1/models HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer k\r\n" in head


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sized(b"{}", status=b"503 Loading"), "answered 503 to a probe"),
        (sized(b"{}", status=b"301 Moved"), "answered 301 to a probe"),
        (sized(b"<html>"), "not readable"),
        (sized(b"{}"), "not readable"),
    ],
)
async def test_a_probe_that_is_not_answered_well_fails(answer: bytes, reason: str) -> None:
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(EngineFailed, match=reason):
            await engine.models()


async def test_a_probe_has_its_own_time_out_and_leaves_no_connection() -> None:
    async with engine_at(silent, probe_s=0.02) as (engine, _):
        with pytest.raises(EngineUnavailable, match="did not answer a probe in time"):
            await engine.models()
