"""A running service: every room built and joined, every task owned, everything closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from forebay.api.app import FrontDoor
from forebay.api.keys import KeyRing
from forebay.lanes.catalogue import Catalogue
from forebay.settings import Settings
from forebay.store.blobs import LocalBlobs
from forebay.store.directory_lock import DirectoryLock
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from forebay.wiring.data_directory import prepare
from forebay.wiring.doors import Doors
from forebay.wiring.fleet import Fleet
from forebay.wiring.house import House
from forebay.wiring.secrets import FirstKey, ensure_first_key

DATABASE_FILE = "forebay.sqlite"
BLOBS_FOLDER = "blobs"
FIRST_PROBES_S = 5.0
EMBEDDED_START_S = 60.0  # on a machine that is busy; a second is usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a server needs of a running service."""

    app: FrontDoor
    catalogue: Catalogue
    first_key: FirstKey | None


@asynccontextmanager
async def opened_store(settings: Settings, doors: Doors | None = None) -> AsyncIterator[Store]:
    """Take the data directory and open what it keeps.

    Raises `DataDirectoryUnusable` or `DataDirectoryInUse`.
    """
    doors = doors or Doors()
    folder = settings.folder
    prepare(folder)
    async with AsyncExitStack() as stack:
        lock = DirectoryLock(folder)
        stack.callback(lock.release)
        database = SqliteDatabase(folder / DATABASE_FILE)
        stack.push_async_callback(database.close)
        blobs = LocalBlobs(folder / BLOBS_FOLDER, new_id=doors.new_id)
        stack.callback(blobs.close)
        yield build_store(database, blobs, clock=doors.clock, new_id=doors.new_id)


@asynccontextmanager
async def running(
    settings: Settings, *, weights: Path | None, doors: Doors | None = None
) -> AsyncIterator[Service]:
    """Run the service until the block is left; then unfinished work is given back.

    `weights` is the embedded engine's model file; None runs no embedded engine.
    """
    doors = doors or Doors()
    async with opened_store(settings, doors) as store:
        await store.leases.void_all()
        first_key = await ensure_first_key(settings, store.projects)
        keys = KeyRing(await store.projects.keys())
        house = House(settings, store, keys, doors, weights=weights)
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(loop()) for loop in house.loops]
            try:
                await _settle_in(
                    house.fleet, within_s=FIRST_PROBES_S if weights is None else EMBEDDED_START_S
                )
                yield Service(app=house.app, catalogue=house.catalogue, first_key=first_key)
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
