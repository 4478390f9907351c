"""Signals between processes: they arrive, once and elsewhere, and outlive a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from forebay.store.postgres_signals import PostgresSignals
from forebay.store.signals import Signals, Topic
from tests.postgres_server import connected

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"])

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Process:
    """One that sends, and notes what it hears."""

    def __init__(self, signals: Signals, bridge: PostgresSignals) -> None:
        self.signals = signals
        self.bridge = bridge
        self.heard: list[str] = []
        self.has_heard = asyncio.Event()
        signals.on(Topic.CHANGED, self._hear)

    def _hear(self, subject: str) -> None:
        self.heard.append(subject)
        self.has_heard.set()

    async def hears(self, count: int) -> list[str]:
        """Return what was heard once it is so many."""
        while len(self.heard) < count:
            await self.has_heard.wait()
            self.has_heard.clear()
        return self.heard


async def opened(url: str) -> Process:
    signals = Signals()
    return Process(signals, await PostgresSignals.open(url, signals))


@pytest.fixture
async def one(database_url: str) -> AsyncIterator[Process]:
    process = await opened(database_url)
    yield process
    await process.bridge.close()


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[Process]:
    process = await opened(database_url)
    yield process
    await process.bridge.close()


async def test_a_signal_is_heard_in_the_other_process(one: Process, two: Process) -> None:
    one.signals.send(Topic.CHANGED, "resp_ü\0")
    assert await two.hears(1) == ["resp_ü\0"]


async def test_a_signal_is_heard_once_where_it_was_sent(one: Process, two: Process) -> None:
    one.signals.send(Topic.CHANGED, "resp_1")
    await two.hears(1)
    two.signals.send(Topic.CHANGED, "resp_2")
    # An echo of the first would have come before the second.
    assert await one.hears(2) == ["resp_1", "resp_2"]


async def test_many_signals_all_arrive_in_their_order(one: Process, two: Process) -> None:
    subjects = [f"resp_{number:036}" for number in range(1000)]
    for subject in subjects:
        one.signals.send(Topic.CHANGED, subject)
    assert await two.hears(1000) == subjects


async def test_a_lost_connection_is_made_anew_and_what_was_sent_meanwhile_arrives(
    one: Process, two: Process, database_url: str
) -> None:
    looking = asyncio.Event()
    two.signals.on(Topic.KEYS, lambda _: looking.set())
    async with connected(database_url) as connection:
        await connection.execute(TERMINATE)
    # Each looks by itself for what it may have missed once it hears again.
    await looking.wait()
    one.signals.send(Topic.CHANGED, "resp_1")
    assert await two.hears(1) == ["resp_1"]


async def test_what_was_sent_is_out_when_the_bridge_is_closed(
    one: Process, database_url: str
) -> None:
    leaving = await opened(database_url)
    leaving.signals.send(Topic.CHANGED, "resp_1")
    await leaving.bridge.close()
    assert await one.hears(1) == ["resp_1"]


@pytest.mark.parametrize("payload", ["no json", '{"a":1}', '[["unheard of","x"]]'])
async def test_what_is_not_understood_is_passed_over(
    one: Process, two: Process, database_url: str, payload: str
) -> None:
    async with connected(database_url) as connection:
        await connection.execute("SELECT pg_notify('forebay', $1)", payload)
    two.signals.send(Topic.CHANGED, "resp_1")
    assert await one.hears(1) == ["resp_1"]
