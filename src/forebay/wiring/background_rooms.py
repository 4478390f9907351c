"""The rooms of the background lane, over what it shares with the others."""

from __future__ import annotations

from functools import cached_property

from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Admission
from forebay.lanes.background import Background
from forebay.lanes.background_runs import BackgroundRuns
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.background_worker import BackgroundWorker
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.claims import Claims
from forebay.lanes.contexts import Contexts
from forebay.lanes.control import Control
from forebay.lanes.expirer import Expirer
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.outlook import Outlook
from forebay.lanes.secret import Seal
from forebay.lanes.shown_tokens import ShownTokens
from forebay.lanes.stored_responses import StoredResponses
from forebay.lanes.turns import Turns
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import Settings
from forebay.store.store import Store
from forebay.wiring.doors import Doors
from forebay.wiring.models import windows_of


class BackgroundRooms:
    """Each room is built when it is first asked for."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        doors: Doors,
        catalogue: Catalogue,
        admission: Admission,
        contexts: Contexts,
        turns: Turns,
        dispatcher: Dispatcher,
        leases: LeaseKeeper,
        control: Control,
        *,
        seal: Seal,
        guard: AddressGuard,
    ) -> None:
        self._settings = settings
        self._store = store
        self._doors = doors
        self._catalogue = catalogue
        self._admission = admission
        self._contexts = contexts
        self._turns = turns
        self._dispatcher = dispatcher
        self._leases = leases
        self._control = control
        self._seal = seal
        self._guard = guard

    @cached_property
    def background(self) -> Background:
        """How callers start, stop and read what runs in the background."""
        return Background(
            self._admission,
            self._contexts,
            self._store,
            self._streams,
            self._shown_tokens,
            clock=self._doors.clock,
            seal=self._seal,
            guard=self._guard,
            expiry_s=self._settings.background_expiry_s,
        )

    @cached_property
    def stored_responses(self) -> StoredResponses:
        """What callers do with responses that they come back to."""
        outlook = Outlook(self._store.paces, clock=self._doors.clock, progress=self.worker.progress)
        return StoredResponses(
            self._admission,
            self._catalogue,
            self._contexts,
            outlook,
            self._store,
            windows=windows_of(self._settings),
        )

    @cached_property
    def worker(self) -> BackgroundWorker:
        """What runs it."""
        clock = self._doors.clock
        claims = Claims(self._store, self._streams, clock=clock, chance=self._doors.chance)
        runs = BackgroundRuns(
            self._admission,
            self._contexts,
            self._turns,
            claims,
            self._store.events,
            self._streams,
            clock=clock,
        )
        return BackgroundWorker(
            runs, self._dispatcher, self._store, self._leases, self._control, clock=clock
        )

    @cached_property
    def expirer(self) -> Expirer:
        """What ends that which waited too long."""
        return Expirer(
            self._admission,
            self._store,
            self._control,
            self._shown_tokens,
            clock=self._doors.clock,
        )

    @cached_property
    def _shown_tokens(self) -> ShownTokens:
        return ShownTokens(
            self._admission,
            self._contexts,
            self._streams,
            self._store.ledger,
            clock=self._doors.clock,
        )

    @cached_property
    def _streams(self) -> BackgroundStreams:
        return BackgroundStreams(self._store)
