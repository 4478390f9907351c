"""The rooms of the batch lane, over what it shares with the others."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial

from forebay.dialects.dialect import Dialect, DialectName
from forebay.lanes.admission import Admission
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.closer import Closer
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.plan import Planner
from forebay.lanes.batch.validator import Validator
from forebay.lanes.batch.worker import BatchWorker
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.control import HOUSEKEEPING, Control
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.turns import Turns
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import Settings
from forebay.store.signals import Topic
from forebay.store.store import Store
from forebay.wiring.doors import Doors
from forebay.wiring.models import windows_of


class BatchRooms:
    """Each room is built when it is first asked for."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        doors: Doors,
        catalogue: Catalogue,
        dialects: dict[DialectName, Dialect],
        admission: Admission,
        turns: Turns,
        dispatcher: Dispatcher,
        leases: LeaseKeeper,
        control: Control,
    ) -> None:
        self._settings = settings
        self._store = store
        self._doors = doors
        self._catalogue = catalogue
        self._dialects = dialects
        self._admission = admission
        self._turns = turns
        self._dispatcher = dispatcher
        self._leases = leases
        self._control = control
        self._closing = asyncio.Event()
        signals = store.signals
        self._tell = partial(signals.send, Topic.BATCHES)
        signals.on(Topic.BATCHES, self._look)
        signals.on(Topic.RECORDED, lambda _: self._closing.set())
        control.want(HOUSEKEEPING)
        control.on_change(self._look)

    def _look(self, _: str) -> None:
        """Look for whatever is to be done with batches."""
        self.validator.wake()
        self.worker.wake()
        self._closing.set()

    @cached_property
    def files(self) -> FileDesk:
        """Files."""
        return FileDesk(
            self._store,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            max_file_bytes=self._settings.max_file_bytes,
        )

    @cached_property
    def batches(self) -> BatchDesk:
        """What callers do with batches."""
        return BatchDesk(
            self._store,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            windows=windows_of(self._settings),
            currency=self._settings.currency,
            expiry_s=self._settings.batch_expiry_s,
            on_created=self._tell,
            on_cancelled=self._tell,
        )

    @cached_property
    def validator(self) -> Validator:
        """What plans new batches."""
        planner = Planner(
            self._catalogue,
            self._store.blobs,
            max_requests=self._settings.max_batch_requests,
            max_errors=self._settings.max_batch_errors,
        )
        return Validator(
            planner,
            self._store,
            self._control,
            clock=self._doors.clock,
            on_begun=self._tell,
        )

    @cached_property
    def _line_runner(self) -> LineRunner:
        return LineRunner(
            self._admission,
            self._dialects,
            self._turns,
            self._dispatcher,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            chance=self._doors.chance,
        )

    @cached_property
    def worker(self) -> BatchWorker:
        """What runs their lines."""
        return BatchWorker(
            self._line_runner,
            self._dispatcher,
            self._store,
            self._leases,
            self._control,
            clock=self._doors.clock,
            on_progress=partial(self._store.signals.send, Topic.RECORDED),
        )

    @cached_property
    def closer(self) -> Closer:
        """What ends them."""
        return Closer(
            self.worker,
            self._line_runner,
            self._store,
            self._leases,
            self._control,
            clock=self._doors.clock,
            wake=self._closing,
        )
