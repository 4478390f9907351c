"""A running service: every room built and joined, every task owned, everything closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from forebay.api.app import FrontDoor
from forebay.api.keys import KeyRing
from forebay.core.clock import Clock, SystemClock
from forebay.lanes.catalogue import Catalogue
from forebay.settings import Settings
from forebay.store.database import Database
from forebay.store.directory_lock import DirectoryLock
from forebay.store.postgres import PostgresDatabase
from forebay.store.postgres_clock import PostgresClock
from forebay.store.postgres_signals import PostgresSignals
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from forebay.wiring.belonging import ensure_belonging
from forebay.wiring.blobs import open_blobs, try_blobs
from forebay.wiring.data_directory import DATABASE_FILE, prepare
from forebay.wiring.doors import Doors
from forebay.wiring.fleet import Fleet
from forebay.wiring.house import House
from forebay.wiring.secrets import FirstKey, ensure_first_key

FIRST_PROBES_S = 5.0
EMBEDDED_START_S = 60.0  # on a machine that is busy; a second is usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a server needs of a running service."""

    app: FrontDoor
    catalogue: Catalogue
    first_key: FirstKey | None
    stop_claiming: Callable[[], None]
    """Begin nothing more that nobody waits for here."""
    idle: Callable[[], Awaitable[None]]
    """Wait until no background request runs here."""


@asynccontextmanager
async def opened_store(settings: Settings, doors: Doors | None = None) -> AsyncIterator[Store]:
    """Open the database, the blobs and the data directory.

    Without a database of its own, that directory is taken alone. Raises `DataDirectoryUnusable`,
    `DataDirectoryInUse`, `DatabaseUnusable` or `BlobsUnusable`.
    """
    doors = doors or Doors()
    url = settings.database_url
    prepare(settings.folder)
    async with AsyncExitStack() as stack:
        if url is None:
            database, clock = _opened_sqlite(settings, stack), doors.clock
        else:
            database, clock = await _opened_postgres(url, doors.clock, stack)
        blobs = open_blobs(settings, doors.new_id, is_shared=url is not None)
        stack.callback(blobs.close)
        store = build_store(
            database, blobs, clock=clock, new_id=doors.new_id, is_shared=url is not None
        )
        if url is not None:
            bridge = await PostgresSignals.open(url, store.signals)
            stack.push_async_callback(bridge.close)
        yield store


def _opened_sqlite(settings: Settings, stack: AsyncExitStack) -> Database:
    lock = DirectoryLock(settings.folder)
    stack.callback(lock.release)
    database = SqliteDatabase(settings.folder / DATABASE_FILE)
    stack.push_async_callback(database.close)
    return database


async def _opened_postgres(url: str, clock: Clock, stack: AsyncExitStack) -> tuple[Database, Clock]:
    """Return the database, and the clock by which its leases compare: its own, or a test's."""
    database = await PostgresDatabase.open(url)
    stack.push_async_callback(database.close)
    if isinstance(clock, SystemClock):
        clock = following = await PostgresClock.open(database)
        stack.push_async_callback(following.close)
    return database, clock


@asynccontextmanager
async def running(
    settings: Settings, *, weights: Path | None, doors: Doors | None = None
) -> AsyncIterator[Service]:
    """Run the service until the block is left; then unfinished work is given back.

    `weights` is the embedded engine's model file; None runs no embedded engine.
    """
    doors = doors or Doors()
    async with opened_store(settings, doors) as store:
        await try_blobs(settings, store.blobs)
        await ensure_belonging(settings, store.house_marks, store.blobs)
        if not store.is_shared:
            # The data directory was just taken, so no lease of an earlier server can be alive.
            await store.leases.void_all()
            await store.deliveries.void_all()
        first_key = await ensure_first_key(settings, store.projects)
        keys = KeyRing(await store.projects.keys())
        house = House(settings, store, keys, replace(doors, clock=store.clock), weights=weights)
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(loop()) for loop in house.loops]
            owned.append(tasks.create_task(keys.follow(store.projects, store.signals)))
            try:
                await _settle_in(
                    house.fleet, within_s=FIRST_PROBES_S if weights is None else EMBEDDED_START_S
                )
                yield Service(
                    app=house.app,
                    catalogue=house.catalogue,
                    first_key=first_key,
                    stop_claiming=house.stop_claiming,
                    idle=house.idle,
                )
            finally:
                for task in owned:
                    task.cancel()
                await house.close()


async def _settle_in(fleet: Fleet, *, within_s: float) -> None:
    """Wait a moment for the engines, so that the first calls and old batches find their models."""
    try:
        async with asyncio.timeout(within_s):
            await fleet.first_probes()
    except TimeoutError:
        pass
