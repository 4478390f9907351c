"""A running service: every room built and joined, every task owned, everything closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from forebay.api.app import FrontDoor, Rooms, build_app
from forebay.api.keys import KeyRing
from forebay.dialects.chat import ChatDialect
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Admission
from forebay.lanes.background import Background
from forebay.lanes.background_worker import BackgroundWorker
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.closer import Closer
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.plan import Planner
from forebay.lanes.batch.validator import Validator
from forebay.lanes.batch.worker import BatchWorker
from forebay.lanes.catalogue import Catalogue, Served
from forebay.lanes.expirer import Expirer
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.realtime import Realtime
from forebay.lanes.secret import Seal
from forebay.lanes.turns import Turns
from forebay.lanes.webhooks import Webhooks
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import Settings
from forebay.store.blobs import LocalBlobs
from forebay.store.sqlite import DirectoryLock, SqliteDatabase
from forebay.store.store import Store, build_store
from forebay.wiring.doors import Doors
from forebay.wiring.fleet import Fleet
from forebay.wiring.models import windows_of
from forebay.wiring.secrets import FirstKey, ensure_first_key, seal_secret

DATABASE_FILE = "forebay.sqlite"
BLOBS_FOLDER = "blobs"
FIRST_PROBES_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a server needs of a running service."""

    app: FrontDoor
    catalogue: Catalogue
    first_key: FirstKey | None


@asynccontextmanager
async def opened_store(settings: Settings, doors: Doors | None = None) -> AsyncIterator[Store]:
    """Take the data directory and open what it keeps; raises `DataDirectoryInUse`."""
    doors = doors or Doors()
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
        house = _House(settings, store, keys, doors, weights=weights)
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(loop()) for loop in house.loops]
            try:
                await _settle_in(house.fleet)
                yield Service(app=house.app, catalogue=house.catalogue, first_key=first_key)
            finally:
                for task in owned:
                    task.cancel()


async def _settle_in(fleet: Fleet) -> None:
    """Wait a moment for the engines, so that the first calls and old batches find their models."""
    try:
        async with asyncio.timeout(FIRST_PROBES_S):
            await fleet.first_probes()
    except TimeoutError:
        pass


class _House:
    """Every room over one store."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        keys: KeyRing,
        doors: Doors,
        *,
        weights: Path | None,
    ) -> None:
        clock, new_id, chance = doors.clock, doors.new_id, doors.chance
        dialects: dict[DialectName, Dialect] = {
            dialect.name: dialect
            for dialect in (ChatDialect(), ResponsesDialect(), MessagesDialect())
        }
        dispatcher = Dispatcher()
        turns = Turns(dispatcher, on_trouble=lambda replica: self.fleet.trouble(replica))
        seal = Seal(seal_secret(settings))
        leases = LeaseKeeper(store.leases, clock=clock, lease_s=settings.lease_s)
        webhooks = Webhooks(
            store.deliveries, clock=clock, seal=seal, guard=AddressGuard(settings.networks)
        )
        self.catalogue = Catalogue()
        admission = Admission(self.catalogue, dialects, clock=clock, new_id=new_id)
        worker = BackgroundWorker(
            admission, turns, dispatcher, store, leases, webhooks, clock=clock, chance=chance
        )
        expirer = Expirer(admission, store, webhooks, clock=clock)
        runner = LineRunner(
            admission, dialects, turns, dispatcher, clock=clock, new_id=new_id, chance=chance
        )
        closing = asyncio.Event()
        batch_worker = BatchWorker(
            runner, dispatcher, store, leases, clock=clock, on_progress=closing.set
        )
        closer = Closer(batch_worker, runner, store, leases, clock=clock, wake=closing)
        planner = Planner(
            self.catalogue,
            store.blobs,
            max_requests=settings.max_batch_requests,
            max_errors=settings.max_batch_errors,
        )
        validator = Validator(planner, store, clock=clock, on_begun=batch_worker.wake)

        def serve(served: Served) -> None:
            worker.feed(served)
            batch_worker.feed(served)

        self.fleet = Fleet(
            settings,
            self.catalogue,
            dispatcher,
            clock=clock,
            open_engine=doors.open_engine,
            weights=weights,
            on_served=serve,
        )
        self.loops = (
            self.fleet.run,
            leases.run,
            webhooks.run,
            worker.run,
            expirer.run,
            batch_worker.run,
            closer.run,
            lambda: self._validate(validator),
        )
        self.app = build_app(
            Rooms(
                keys=keys,
                catalogue=self.catalogue,
                dialects=dialects,
                admission=admission,
                realtime=Realtime(
                    turns,
                    store,
                    clock=clock,
                    reject_after_s=settings.reject_after_s,
                    sync_timeout_s=settings.sync_timeout_s,
                ),
                background=Background(
                    admission,
                    store,
                    worker,
                    webhooks,
                    clock=clock,
                    seal=seal,
                    expiry_s=settings.background_expiry_s,
                ),
                files=FileDesk(
                    store, clock=clock, new_id=new_id, max_file_bytes=settings.max_file_bytes
                ),
                batches=BatchDesk(
                    store,
                    clock=clock,
                    new_id=new_id,
                    windows=windows_of(settings),
                    currency=settings.currency,
                    expiry_s=settings.batch_expiry_s,
                    on_created=validator.wake,
                    on_cancelled=closing.set,
                ),
                projects=store.projects,
                new_id=new_id,
                max_body_bytes=settings.max_body_bytes,
            )
        )

    async def _validate(self, validator: Validator) -> None:
        # Until an engine has told what it serves, a good batch would look wrong.
        await self.fleet.first_probes()
        await validator.run()
