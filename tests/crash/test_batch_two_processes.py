"""Two servers on one database and one bucket: a batch goes over from one to the other, whole."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.batch_books import LEASED, books_of, total
from tests.crash.batch_calls import begun_batch
from tests.crash.batch_checks import check
from tests.crash.batch_lines import CHATS, Line, by_custom_id
from tests.crash.batch_remains import Vault, unfinished
from tests.crash.batch_sites import batches_on_postgres
from tests.crash.callers import MODEL, POLL_S, Callers
from tests.crash.rote_engine import RoteEngine, rote_engine
from tests.crash.sites import PostgresSite, standing_still, until_there
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

COUNT = 12
GRACE_S = 1.0
QUICK_S = 5.0
STORY_S = 60.0
LINES = by_custom_id(
    Line(custom_id=f"line-{number}", model=MODEL, prompt=f"line {number}" + " and on" * number)
    for number in range(COUNT)
)
PROMPTS = {line.prompt for line in LINES.values()}
DONE = [LINES[f"line-{number}"].prompt for number in (0, 5, 9)]
WASTE = "SELECT * FROM ledger_entry WHERE kind = 'waste'"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers; the first one has a batch at the engine, all of it."""

    site: PostgresSite
    others: Callers
    engine: RoteEngine
    vault: Vault
    batch_id: str


@asynccontextmanager
async def paired(folder: Path, servers: tuple[PostgresServer, S3Server]) -> AsyncIterator[Pair]:
    """Run two servers in front of an engine whose gate is closed."""
    environ = {"FOREBAY_SHUTDOWN_GRACE_S": str(GRACE_S)}
    async with asyncio.timeout(STORY_S), rote_engine(pause_s=0) as engine:
        engine.gate.clear()
        async with batches_on_postgres(
            folder, engine, [MODEL], servers, slots=2 * COUNT, environ=environ
        ) as (site, vault):
            assert site.other is not None
            others = Callers(site.other, site.callers.http)
            batch_id = await begun_batch(others, LINES, name="batch", endpoint=CHATS)
            await engine.until_holding(PROMPTS)
            yield Pair(site, others, engine, vault, batch_id)


async def test_a_server_that_is_told_to_stop_hands_its_batch_over(
    tmp_path: Path, postgres_server: PostgresServer, s3_server: S3Server
) -> None:
    async with paired(tmp_path, (postgres_server, s3_server)) as pair:
        site, engine, first = pair.site, pair.engine, pair.site.callers.server
        for prompt in DONE:
            engine.let_go(prompt)
        await engine.until_ended(len(DONE))
        asked_before = len(engine.asked)
        began = time.monotonic()
        first.terminate()
        assert await asyncio.to_thread(first.wait) == 0
        assert time.monotonic() - began < QUICK_S
        assert unfinished(first.data_dir) == []
        (handed_over,) = await until_there(site, WASTE)

        engine.gate.set()
        books = await books_of(site, pair.others, pair.batch_id, LINES, CHATS)

        check(books)
        assert books.batch["status"] == "completed"
        again = Counter(asked.prompt for asked in engine.asked[asked_before:])
        assert again == Counter(PROMPTS - set(DONE)), "what was answered is recorded"
        # A token of each line that was cut off; that it runs again is nobody's failure.
        assert handed_over["output_tokens"] == COUNT - len(DONE)
        assert total(books.waste, "output_tokens") == COUNT - len(DONE)
        assert books.count("retry_count") == 0
        remains = await pair.vault.remains()
        assert (remains.unnamed, remains.missing) == (set(), set())


async def test_a_server_that_stood_still_for_too_long_records_nothing_any_more(
    tmp_path: Path, postgres_server: PostgresServer, s3_server: S3Server
) -> None:
    async with paired(tmp_path, (postgres_server, s3_server)) as pair:
        site, engine, first = pair.site, pair.engine, pair.site.callers.server
        with standing_still(first):
            await until_all_are_held_twice(engine)
            engine.gate.set()
            await engine.until_ended(2 * COUNT)
            before = await books_of(site, pair.others, pair.batch_id, LINES, CHATS)
        # It has whole answers now, and is told that they are no longer its own.
        await until_there(site, WASTE)

        books = await books_of(site, site.callers, pair.batch_id, LINES, CHATS)

        check(books)
        assert books.output == before.output
        assert books.chunks == before.chunks
        assert books.charges == before.charges
        assert await site.rows(LEASED) == []
        remains = await pair.vault.remains()
        assert (remains.unnamed, remains.missing) == (set(), set())


async def until_all_are_held_twice(engine: RoteEngine) -> None:
    """Return once both servers have all lines at the engine."""
    while True:
        if Counter(engine.held) == Counter([*PROMPTS, *PROMPTS]):
            return
        await asyncio.sleep(POLL_S)
