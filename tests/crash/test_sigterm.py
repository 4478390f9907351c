"""A server that is told to stop: callers get their answers, the rest is given back, uncounted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.crash.callers import MODEL, POLL_S, Callers, Json, write_config
from tests.crash.kept import charges, rows_of
from tests.crash.readers import DELTA, creating, numbers_of, text_of, whole
from tests.crash.rote_engine import RoteEngine, answer_to, rote_engine
from tests.server_process import KEY, ServerProcess

SLOTS = 4
QUICK_S = 5.0
GRACE_S = 1.0
LONG_GRACE_S = 20.0


@asynccontextmanager
async def served(
    folder: Path, *, grace_s: float = GRACE_S
) -> AsyncIterator[tuple[Callers, RoteEngine]]:
    """Run a server in front of an engine whose gate is closed."""
    async with rote_engine(pause_s=0) as engine, aiohttp.ClientSession() as http:
        engine.gate.clear()
        config = write_config(folder, engine, slots=SLOTS)
        environ = {"FOREBAY_API_KEY": KEY, "FOREBAY_SHUTDOWN_GRACE_S": str(grace_s)}
        server = ServerProcess(folder, "--config", str(config), environ=environ)
        callers = Callers(server, http)
        try:
            await callers.start_server()
            yield callers, engine
        finally:
            engine.gate.set()
            await asyncio.to_thread(server.end)


async def stopped(callers: Callers) -> tuple[int, float]:
    """Stop the server; returns its exit status and the seconds it took."""
    began = time.monotonic()
    callers.server.terminate()
    status = await asyncio.to_thread(callers.server.wait)
    return status, time.monotonic() - began


async def test_background_work_is_given_back_uncounted(tmp_path: Path) -> None:
    async with served(tmp_path) as (callers, engine):
        for n in range(6):
            await callers.submit(f"prompt {n}")
        await engine.until_begun(SLOTS)

        status, took_s = await stopped(callers)

        assert status == 0
        assert took_s < QUICK_S
        kept = rows_of(callers.server.data_dir, "SELECT status, attempt FROM request")
        assert kept == [{"status": "queued", "attempt": 0}] * 6


async def test_background_work_that_was_given_back_is_finished_by_the_next_server(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (callers, engine):
        prompts = {await callers.submit(f"prompt {n}"): f"prompt {n}" for n in range(6)}
        await engine.until_begun(SLOTS)
        await stopped(callers)
        engine.gate.set()

        await callers.start_server()

        for response_id, prompt in prompts.items():
            response = await callers.until_ended(f"/v1/responses/{response_id}")
            assert response["output"][0]["content"][0]["text"] == answer_to(prompt)  # type: ignore[index]
            assert response["forebay"]["attempt"] == 1  # type: ignore[index]


async def test_in_the_grace_what_runs_is_ended_and_nothing_new_begun(tmp_path: Path) -> None:
    async with served(tmp_path, grace_s=LONG_GRACE_S) as (callers, engine):
        for n in range(6):
            await callers.submit(f"prompt {n}")
        await engine.until_begun(SLOTS)
        callers.server.terminate()
        await until_nobody_is_let_in(callers)

        # Its slot is free then, while the others run.
        engine.let_go("prompt 0")
        await until_charged(callers)
        engine.gate.set()

        assert await asyncio.to_thread(callers.server.wait) == 0
        assert len(engine.asked) == SLOTS
        kept = rows_of(
            callers.server.data_dir, "SELECT status, attempt FROM request ORDER BY status"
        )
        ended, waiting = {"status": "completed", "attempt": 1}, {"status": "queued", "attempt": 0}
        assert kept == [ended] * SLOTS + [waiting] * 2
        assert len(charges(callers.server.data_dir)) == SLOTS


async def test_a_stream_that_was_given_back_goes_on_uncounted_by_the_next_server(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (callers, engine):
        body: Json = {"model": MODEL, "input": "who is there", "background": True}
        async with creating(callers.http, callers.server, body) as reader:
            await reader.until(DELTA)
            await stopped(callers)
            await reader.until_over()
        assert not reader.is_whole
        engine.gate.set()

        await callers.start_server()

        events = reader.events + await whole(
            callers.http, callers.server, reader.response_id, starting_after=reader.number
        )
        assert numbers_of(events) == list(range(len(events)))
        assert text_of(events) == answer_to("who is there")
        assert events[-1]["response"]["forebay"]["attempt"] == 1
        assert [asked.begun for asked in engine.asked] == ["", text_of(reader.events)]


async def test_a_batch_in_flight_is_given_back_and_finished_by_the_next_server(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (callers, engine):
        batch_id = await callers.create_batch({f"line-{n}": f"prompt {n}" for n in range(20)})
        await engine.until_begun(SLOTS)

        status, took_s = await stopped(callers)

        assert status == 0
        assert took_s < QUICK_S
        kept = rows_of(callers.server.data_dir, "SELECT status, lease_id FROM segment")
        assert kept == [{"status": "waiting", "lease_id": None}]

        engine.gate.set()
        await callers.start_server()
        batch = await callers.until_ended(f"/v1/batches/{batch_id}")
        assert batch["request_counts"] == {"total": 20, "completed": 20, "failed": 0}


async def test_a_realtime_caller_gets_the_answer_that_was_under_way(tmp_path: Path) -> None:
    async with served(tmp_path) as (callers, engine), asyncio.TaskGroup() as tasks:
        tasks.create_task(callers.chat("who is there", is_streamed=True))
        await engine.until_begun(1)
        callers.server.terminate()
        await until_nobody_is_let_in(callers)

        engine.gate.set()

        assert await asyncio.to_thread(callers.server.wait) == 0
    (note,) = callers.journal
    assert note.text == answer_to("who is there")
    assert [row["subject_id"] for row in charges(callers.server.data_dir)] == [note.id]


async def test_a_realtime_turn_that_outlasts_the_grace_is_cut_and_charged(tmp_path: Path) -> None:
    async with served(tmp_path) as (callers, engine):
        talking = asyncio.create_task(callers.chat("who is there", is_streamed=True))
        await engine.until_begun(1)

        status, took_s = await stopped(callers)

        assert status == 0
        assert took_s < GRACE_S + QUICK_S
        with suppress(aiohttp.ClientError):
            await talking
        (charge,) = charges(callers.server.data_dir)
        assert charge["output_tokens"] == 1
        assert charge["model"] == MODEL


async def until_charged(callers: Callers) -> None:
    """Return once there is a charge in the ledger."""
    while True:
        if charges(callers.server.data_dir):
            return
        await asyncio.sleep(POLL_S)


async def until_nobody_is_let_in(callers: Callers) -> None:
    """Return once the server takes no new connections."""
    host, port = callers.server.address.removeprefix("http://").split(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            return
