"""Batches of every kind, whose servers are killed at moments drawn by chance, again and again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest

from tests.crash.batch_books import LEASED, UNSETTLED, Books, books_of
from tests.crash.batch_calls import begun_batch, begun_message_batch
from tests.crash.batch_checks import check
from tests.crash.batch_lines import CHATS, MESSAGES, RESPONSES, Line, Lines, by_custom_id
from tests.crash.batch_remains import Remains, Vault
from tests.crash.batch_sites import KINDS, batches_on_postgres, batches_on_sqlite
from tests.crash.callers import Callers
from tests.crash.kept import Row
from tests.crash.rote_engine import RoteEngine, rote_engine
from tests.crash.sites import Site
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

SEED = 23
KILLS = 3
SLOTS = 16
STORY_S = 100.0
MODELS = ("lab/one", "lab/two", "lab/three")
REFUSED_EACH = 20  # of so many lines one is refused
MESSAGE_BATCH = "message-batch"
COUNTS = {CHATS: 160, RESPONSES: 60, MESSAGES: 60, MESSAGE_BATCH: 80}
LATE = "late"  # made just before a kill
LATE_COUNT = 30
PAUSE_S = 0.03


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when every batch has ended.

    `asked_in_vain` are custom ids whose lines ran although their results had been recorded.
    """

    books: dict[str, Books]
    asked_in_vain: list[str]
    ran_again_count: int
    before_sweep: Remains
    after_sweep: Remains
    unsettled: list[Row]
    leased: list[Row]
    charged: list[Row]


def lines_of(name: str, count: int) -> Lines:
    """Return lines of several models, in no order of these."""
    return by_custom_id(
        Line(
            custom_id=f"{name}-{number}",
            model=MODELS[number % len(MODELS)],
            prompt=f"line {number} of {name}" + " and on" * (number % 5),
            is_refused=number % REFUSED_EACH == REFUSED_EACH - 1,
        )
        for number in range(count)
    )


class Flight:
    """Batches under way, and the servers of which one after the other is killed."""

    def __init__(self, site: Site, engine: RoteEngine, vault: Vault, chance: random.Random) -> None:
        self._site = site
        self._engine = engine
        self._vault = vault
        self._chance = chance
        first, other = site.callers, site.other
        self._callers = [first] if other is None else [first, Callers(other, first.http)]
        self._batches: dict[str, tuple[str, Lines, str]] = {}
        self._recorded: list[tuple[set[str], int]] = []  # with what the engine had been asked

    async def told(self) -> Aftermath:
        """Tell the story."""
        async with asyncio.timeout(STORY_S):
            for name, count in COUNTS.items():
                await self._begin(name, count, self._callers[0])
            moments = sorted(self._chance.sample(range(SLOTS, sum(COUNTS.values()) // 2), KILLS))
            for number, moment in enumerate(moments):
                await self._kill(number, ended_count=moment)
            books = {
                name: await books_of(self._site, self._callers[-1], batch_id, lines, endpoint)
                for name, (batch_id, lines, endpoint) in self._batches.items()
            }
            before_sweep = await self._vault.remains()
            await self._vault.sweep()
            lines = [line for each in books.values() for line in each.lines.values()]
            return Aftermath(
                books=books,
                asked_in_vain=self._asked_in_vain(lines),
                ran_again_count=len(self._engine.asked) - sum(not it.is_refused for it in lines),
                before_sweep=before_sweep,
                after_sweep=await self._vault.remains(),
                unsettled=await self._site.rows(UNSETTLED),
                leased=await self._site.rows(LEASED),
                charged=await self._site.rows("SELECT * FROM ledger_entry WHERE kind = 'charge'"),
            )

    async def _kill(self, number: int, *, ended_count: int) -> None:
        """Kill the server that runs the lines when so many have ended, and start it again."""
        engine = self._engine
        # Of two, the one that runs nothing takes over from the one that is killed.
        victim = self._callers[number % len(self._callers)]
        await engine.until_ended(ended_count)
        if number == 1:
            await self._begin(LATE, LATE_COUNT, victim)
        victim.server.kill()
        recorded = await self._vault.recorded()
        self._recorded.append((recorded, len(engine.asked)))
        await asyncio.to_thread(victim.server.start)

    async def _begin(self, name: str, count: int, callers: Callers) -> None:
        lines = lines_of(name, count)
        if name == MESSAGE_BATCH:
            batch_id, endpoint = await begun_message_batch(callers, lines, name=name), MESSAGES
        else:
            endpoint = CHATS if name == LATE else name
            batch_id = await begun_batch(callers, lines, name=name, endpoint=endpoint)
        self._batches[name] = batch_id, lines, endpoint

    def _asked_in_vain(self, lines: list[Line]) -> list[str]:
        found = []
        for recorded, asked_count in self._recorded:
            asked_after = {asked.prompt for asked in self._engine.asked[asked_count:]}
            found += [
                line.custom_id
                for line in lines
                if line.custom_id in recorded and line.prompt in asked_after
            ]
        return found


Told = dict[str, Aftermath | BaseException]


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    s3_server: S3Server,
) -> Told:
    """The stories of both kinds of sites, told at once."""
    folder = tmp_path_factory.mktemp("flight")
    for kind in KINDS:
        (folder / kind).mkdir()

    async def on_sqlite() -> Aftermath:
        async with rote_engine(pause_s=PAUSE_S) as engine:
            sites = batches_on_sqlite(folder / "sqlite", engine, MODELS, slots=SLOTS)
            async with sites as (site, vault):
                return await Flight(site, engine, vault, random.Random(SEED)).told()

    async def on_postgres() -> Aftermath:
        async with rote_engine(pause_s=PAUSE_S) as engine:
            servers = (postgres_server, s3_server)
            sites = batches_on_postgres(folder / "postgres", engine, MODELS, servers, slots=SLOTS)
            async with sites as (site, vault):
                return await Flight(site, engine, vault, random.Random(SEED)).told()

    async def tell() -> Told:
        ends = await asyncio.gather(on_sqlite(), on_postgres(), return_exceptions=True)
        return dict(zip(KINDS, ends, strict=True))

    return asyncio.run(tell())


@pytest.fixture(params=KINDS)
def after(told: Told, request: pytest.FixtureRequest) -> Aftermath:
    """The aftermath of the kills."""
    end = told[request.param]
    if isinstance(end, BaseException):
        # Raised for each test anew, it would itself grow each time.
        raise AssertionError(f"the story broke off: {end!r}") from end
    return end


of_each_batch = pytest.mark.parametrize("name", [*COUNTS, LATE])


def test_the_kills_hit_lines_under_way(after: Aftermath) -> None:
    assert after.ran_again_count > 0


@of_each_batch
def test_every_batch_is_whole_and_charged_once(after: Aftermath, name: str) -> None:
    books = after.books[name]
    check(books)
    refused = {line.custom_id for line in books.lines.values() if line.is_refused}
    assert set(books.unanswered) == refused


def test_nothing_runs_again_that_was_recorded(after: Aftermath) -> None:
    assert after.asked_in_vain == []


def test_nothing_else_is_charged(after: Aftermath) -> None:
    known = [row["id"] for books in after.books.values() for row in books.charges]
    assert sorted(map(str, known)) == sorted(str(row["id"]) for row in after.charged)


def test_no_batch_hangs_and_no_lease_is_left(after: Aftermath) -> None:
    assert (after.unsettled, after.leased) == ([], [])


def test_after_a_sweep_there_is_what_has_a_name(after: Aftermath) -> None:
    assert after.before_sweep.missing == set()
    assert after.after_sweep.there == after.before_sweep.named
