"""What goes wrong with an engine over HTTP, and as which error it is told; probes too."""

from __future__ import annotations

import pytest

from forebay.core.engine_errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    GatewayFailed,
)
from forebay.core.errors import PromptRejected
from forebay.engines.http import MAX_ERROR_BYTES
from tests.engines.http_clients import (
    answering,
    client,
    closing_after,
    engine_at,
    silent,
    text_of,
)
from tests.engines.scripted_server import (
    CHUNKED,
    FRAMES,
    Visit,
    answer_all,
    chunk,
    chunked,
    serve,
    sized,
)
from tests.fakes import ManualClock


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
        (b"Retry-After: Thu, 09 Oct 2025 08:53:50 GMT\r\n", 30.0),
        (b"Retry-After: inf\r\n", None),
        (b"Retry-After: -1\r\n", None),
        (b"", None),
    ],
)
async def test_a_busy_engine_says_when_to_come_back(
    headers: bytes, retry_after_s: float | None
) -> None:
    answer = sized(b"{}", status=b"429 Too Many Requests", headers=headers)
    async with engine_at(answering(answer), clock=ManualClock()) as (engine, _):
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
        chunked([FRAMES[1], FRAMES[-1]]),
        b"HTTP/1.1 200 OK\r\n\r\n" + FRAMES[1],
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + FRAMES[1],
        sized(b""),
    ],
)
async def test_an_answer_without_its_end_is_an_error(answer: bytes) -> None:
    async with engine_at(closing_after(answer)) as (engine, _):
        with pytest.raises(EngineUnavailable, match="broke off its answer"):
            await text_of(engine)


async def test_an_error_that_comes_whole_with_a_200_keeps_its_words() -> None:
    told = b'{"error":{"message":"no such adapter","code":400}}'
    async with engine_at(answering(sized(told))) as (engine, _):
        with pytest.raises(PromptRejected, match="no such adapter"):
            await text_of(engine)


async def test_a_refused_connection_means_that_nothing_has_run() -> None:
    async with serve(answer_all) as server:
        pass
    async with client(server.url) as engine:
        with pytest.raises(EngineUnreachable, match="cannot be reached"):
            await text_of(engine)
        with pytest.raises(EngineUnreachable, match="cannot be reached"):
            await engine.models()


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
    ("owners", "takes_prefill"),
    [
        ([b'"vllm"'], True),
        ([b'"sglang"'], True),
        ([b'"llamacpp"', b'"llamacpp"'], True),
        ([b'"openai"'], False),
        ([b'"vllm"', b'"openai"'], False),
        ([b"null"], False),
        ([b'["vllm"]'], False),
        ([], False),
    ],
)
async def test_a_probe_tells_by_the_models_owner_whether_a_prefill_is_taken(
    owners: list[bytes], takes_prefill: bool
) -> None:
    entries = b",".join(b'{"id":"a","owned_by":%b}' % owner for owner in owners)
    async with engine_at(answering(sized(b'{"data":[%b]}' % entries))) as (engine, _):
        assert not engine.takes_prefill
        await engine.models()
        assert engine.takes_prefill is takes_prefill


async def test_a_proxy_in_front_of_an_engine_that_is_gone_is_no_failure_of_the_request() -> None:
    answer = sized(b"<html>nginx</html>", status=b"502 Bad Gateway")
    async with engine_at(answering(answer)) as (engine, _):
        with pytest.raises(GatewayFailed, match="nothing answers"):
            await text_of(engine)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (sized(b"{}", status=b"503 Loading"), "answered 503 to a probe"),
        (sized(b"{}", status=b"301 Moved"), "answered 301 to a probe"),
        (sized(b"<html>"), "not readable"),
        (sized(b"{}"), "not readable"),
        (sized(b'{"data":[{"id":"\xff"}]}'), "not readable"),
        (sized(b'{"data":[{"id":"a","x":' + b"[" * 100_000), "not readable"),
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
