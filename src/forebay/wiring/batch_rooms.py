"""The rooms of the batch lane, over what it shares with the others."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial

from forebay.api.batch_outcomes import Outcomes
from forebay.dialects.dialect import Dialect, DialectName
from forebay.lanes.admission import Admission
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.closer import Closer
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.forecast import Forecasts
from forebay.lanes.batch.inline_batches import InlineBatches
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.message_batches import MessageBatchDesk
from forebay.lanes.batch.one_result import SingleResults
from forebay.lanes.batch.plan_jobs import PlanJobs
from forebay.lanes.batch.report import Reports
from forebay.lanes.batch.retry import Retries
from forebay.lanes.batch.uploads import UploadDesk
from forebay.lanes.batch.validator import Validator
from forebay.lanes.batch.verdicts import VerdictDesk
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
from forebay.wiring.planning import PlanningProcess


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
    def uploads(self) -> UploadDesk:
        """Files that come in parts."""
        return UploadDesk(
            self._store,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            max_upload_bytes=self._settings.max_upload_bytes,
        )

    @cached_property
    def batches(self) -> BatchDesk:
        """What callers do with batches."""
        return BatchDesk(
            self._store,
            self._forecasts,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            windows=windows_of(self._settings),
            currency=self._settings.currency,
            expiry_s=self._settings.batch_expiry_s,
            on_created=self._tell,
            on_cancelled=self._tell,
        )

    @cached_property
    def _forecasts(self) -> Forecasts:
        return Forecasts(
            self._store,
            clock=self._doors.clock,
            models=lambda: [served.model.name for served in self._catalogue.all()],
        )

    @cached_property
    def outcomes(self) -> Outcomes:
        """What becomes of batches."""
        clock = self._doors.clock
        reports = Reports(self._store, clock=clock, currency=self._settings.currency)
        return Outcomes(
            results=SingleResults(self._store, self._forecasts, clock=clock),
            reports=reports,
            verdicts=VerdictDesk(self._store, reports),
            retries=Retries(self._store, self.batches, clock=clock),
        )

    @cached_property
    def inline_batches(self) -> InlineBatches:
        """Batches whose requests come with them."""
        return InlineBatches(
            self._store,
            self.batches,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            max_requests=self._settings.max_batch_requests,
            max_bytes=self._settings.max_batch_file_bytes,
            max_fields_bytes=self._settings.max_body_bytes,
        )

    @cached_property
    def message_batches(self) -> MessageBatchDesk:
        """What callers do with Message Batches."""
        return MessageBatchDesk(
            self._store,
            clock=self._doors.clock,
            new_id=self._doors.new_id,
            windows=windows_of(self._settings),
            currency=self._settings.currency,
            expiry_s=self._settings.batch_expiry_s,
            max_requests=self._settings.max_message_batch_requests,
            max_bytes=self._settings.max_message_batch_bytes,
            on_changed=self._tell,
        )

    @cached_property
    def validator(self) -> Validator:
        """What plans new batches."""
        settings = self._settings
        jobs = PlanJobs(
            self._store,
            self._catalogue,
            clock=self._doors.clock,
            max_bytes=settings.max_batch_file_bytes,
            max_requests=settings.max_batch_requests,
            max_errors=settings.max_batch_errors,
        )
        return Validator(
            jobs,
            PlanningProcess(settings).plan,
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
            retention_s=self._settings.retention_s,
        )
