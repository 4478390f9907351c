"""Engines over TLS, at every kind of address, and at a new one."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from forebay.core.engine_errors import EngineUnreachable
from tests.engines.certificates import Authority
from tests.engines.http_clients import (
    BODY,
    TURN,
    client,
    closing_after,
    silent,
    text_of,
)
from tests.engines.scripted_server import (
    CHUNKED,
    FRAMES,
    LAST_CHUNK,
    TEXT,
    ScriptedServer,
    Visit,
    answer_all,
    chunk,
    serve,
)


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
