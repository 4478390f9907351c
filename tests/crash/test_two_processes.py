"""Two servers on one database: what one is told, the other does, and one that stops lets go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from forebay.core.projects import DEFAULT_PROJECT
from tests.crash.callers import MODEL, POLL_S, Callers, Json
from tests.crash.readers import DELTA, creating, numbers_of, text_of, whole
from tests.crash.rote_engine import RoteEngine, answer_to, rote_engine
from tests.crash.sites import (
    LEASE_S,
    PostgresSite,
    postgres_site,
    standing_still,
    until_logged,
    until_there,
)
from tests.postgres_server import PostgresServer

SLOTS = 4
AT_ONCE_S = 1.0
GRACE_S = 1.0
LONG_LEASE_S = 600.0  # longer than any test: what comes is not due to a lease that ran out
DUTIES = "SELECT owner FROM duty"
KEYS = f"/v1/organization/projects/{DEFAULT_PROJECT}/api_keys"


@asynccontextmanager
async def paired(
    folder: Path, postgres: PostgresServer, *, lease_s: float = LONG_LEASE_S
) -> AsyncIterator[tuple[PostgresSite, Callers, RoteEngine]]:
    """Run two servers in front of an engine whose gate is closed; also callers of the second."""
    environ = {"FOREBAY_SHUTDOWN_GRACE_S": str(GRACE_S), "FOREBAY_LEASE_S": str(lease_s)}
    async with rote_engine(pause_s=0) as engine:
        engine.gate.clear()
        async with postgres_site(folder, engine, postgres, slots=SLOTS, environ=environ) as site:
            assert site.other is not None
            yield site, Callers(site.other, site.callers.http), engine


async def test_cancelling_by_one_server_ends_what_runs_in_the_other_at_once(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    async with paired(tmp_path, postgres_server) as (site, others, engine):
        response_id = await site.callers.submit("to be cancelled")
        await engine.until_held(1)

        async with asyncio.timeout(AT_ONCE_S):
            cancelled = await others.post(f"/v1/responses/{response_id}/cancel", {})
            await engine.until_cut(1)

        assert cancelled["status"] == "cancelled"
        assert (await site.callers.get(f"/v1/responses/{response_id}"))["status"] == "cancelled"
        (charge,) = await until_there(site, "SELECT * FROM ledger_entry")
        assert (charge["kind"], charge["output_tokens"]) == ("charge", 1)


async def test_what_one_server_takes_on_runs_in_the_other_at_once_and_streams_from_both(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    async with paired(tmp_path, postgres_server) as (site, others, engine):
        http, first, second = others.http, site.callers.server, others.server
        body: Json = {"model": MODEL, "input": "taken on", "background": True}
        async with creating(http, second, body) as reader:
            async with asyncio.timeout(AT_ONCE_S):
                await reader.until(DELTA)
            engine.gate.set()
            async with asyncio.timeout(AT_ONCE_S):
                await reader.until_over()
        assert reader.is_whole
        assert await whole(http, first, reader.response_id) == reader.events
        assert "request settled" in first.log()
        assert "request settled" not in second.log()


async def test_a_key_lives_and_dies_in_every_server(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    async with paired(tmp_path, postgres_server) as (site, others, _):
        key = await site.callers.post(KEYS, {"name": "new"})

        async with asyncio.timeout(AT_ONCE_S):
            await until_answered(others, str(key["value"]), 200)
        await deleted(site.callers, f"{KEYS}/{key['id']}")
        async with asyncio.timeout(AT_ONCE_S):
            await until_answered(others, str(key["value"]), 401)


async def test_a_server_that_is_told_to_stop_hands_its_work_to_the_other_uncounted(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    async with paired(tmp_path, postgres_server) as (site, others, engine):
        first = site.callers.server
        prompts = {await others.submit(f"prompt {n}"): f"prompt {n}" for n in range(6)}
        await engine.until_held(SLOTS)

        first.terminate()
        assert await asyncio.to_thread(first.wait) == 0
        held = await site.rows(DUTIES)
        engine.gate.set()
        for response_id, prompt in prompts.items():
            response = await others.until_ended(f"/v1/responses/{response_id}")
            assert response["output"][0]["content"][0]["text"] == answer_to(prompt)  # type: ignore[index]

        assert [row["attempt"] for row in await site.rows("SELECT attempt FROM request")] == [1] * 6
        # Nobody had to wait until the first one's control ran out.
        assert {row["owner"] for row in held} <= {row["owner"] for row in await site.rows(DUTIES)}


async def test_a_server_that_stood_still_for_too_long_changes_nothing_any_more(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    paired_for_short = paired(tmp_path, postgres_server, lease_s=LEASE_S)
    async with paired_for_short as (site, others, engine):
        first, http = site.callers.server, others.http
        body: Json = {"model": MODEL, "input": "twice begun", "background": True}
        response_id = await others.submit("begun twice")
        async with creating(http, others.server, body) as reader:
            await reader.until(DELTA)
            await engine.until_held(2)
            with standing_still(first):
                await engine.until_held(4)
                engine.gate.set()
                await engine.until_ended(4)
                await reader.until_over()
                answer = await others.until_ended(f"/v1/responses/{response_id}")
            # It has the whole answers now, or is told first that they are no longer its own.
            await until_logged(first, "result dropped", "lease lost")

        assert numbers_of(reader.events) == list(range(len(reader.events)))
        assert await whole(http, first, reader.response_id) == reader.events
        assert text_of(reader.events) == answer_to("twice begun")
        assert await site.callers.get(f"/v1/responses/{response_id}") == answer
        charges = await site.rows("SELECT kind, subject_id FROM ledger_entry")
        assert [row["kind"] for row in charges] == ["charge"] * 2
        assert {row["subject_id"] for row in charges} == {response_id, reader.response_id}


async def until_answered(callers: Callers, key: str, status: int) -> None:
    """Return once a caller with this key gets that status."""
    headers = {"Authorization": f"Bearer {key}"}
    url = callers.server.address + "/v1/models"
    while True:
        async with callers.http.get(url, headers=headers) as response:
            if response.status == status:
                return
        await asyncio.sleep(POLL_S)


async def deleted(callers: Callers, path: str) -> None:
    """Delete what is there."""
    server = callers.server
    async with callers.http.delete(server.address + path, headers=server.headers) as response:
        assert response.status == 200, await response.text()
