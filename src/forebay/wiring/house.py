"""The house: every room over one store, each built when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cached_property
from pathlib import Path

from forebay.api.app import FrontDoor, Rooms, build_app
from forebay.api.keys import KeyRing
from forebay.dialects.chat import ChatDialect
from forebay.dialects.completions import CompletionsDialect
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.embeddings import EmbeddingsDialect
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.engines.pool import Replica
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Admission
from forebay.lanes.background import Background
from forebay.lanes.background_worker import BackgroundWorker
from forebay.lanes.catalogue import Catalogue, Served
from forebay.lanes.compaction import Compaction
from forebay.lanes.contexts import Contexts
from forebay.lanes.conversations import ConversationDesk
from forebay.lanes.counting import Counting
from forebay.lanes.expirer import Expirer
from forebay.lanes.images import Images
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.realtime import Realtime
from forebay.lanes.secret import Seal, TextCipher
from forebay.lanes.stored_chats import StoredChats
from forebay.lanes.sweeper import Sweeper
from forebay.lanes.turns import Turns
from forebay.lanes.webhooks import Webhooks
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import Settings
from forebay.store.store import Store
from forebay.wiring.batch_rooms import BatchRooms
from forebay.wiring.doors import Doors
from forebay.wiring.fleet import Fleet
from forebay.wiring.secrets import seal_secret


class House:
    """Every room, and what runs in them. `weights` is the embedded engine's model file, if any."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        keys: KeyRing,
        doors: Doors,
        *,
        weights: Path | None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys
        self._doors = doors
        self._clock = doors.clock
        self._new_id = doors.new_id
        self._chance = doors.chance
        self.catalogue = Catalogue()
        self._dispatcher = Dispatcher()
        self.fleet = Fleet(
            settings,
            self.catalogue,
            self._dispatcher,
            clock=doors.clock,
            open_engine=doors.open_engine,
            weights=weights,
            on_served=self._feed,
            on_told=self._told,
        )

    @property
    def loops(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs as long as the house stands."""
        return (
            self.fleet.run,
            self._leases.run,
            self._webhooks.run,
            self._background_worker.run,
            self._expirer.run,
            self._sweeper.run,
            self._batch_rooms.worker.run,
            self._batch_rooms.closer.run,
            self._batch_rooms.validator.run,
        )

    @cached_property
    def app(self) -> FrontDoor:
        """The application that callers meet."""
        return build_app(
            Rooms(
                keys=self._keys,
                catalogue=self.catalogue,
                dialects=self._dialects,
                admission=self._admission,
                contexts=self._contexts,
                compaction=self._compaction,
                counting=self._counting,
                realtime=self._realtime,
                background=self._background,
                stored_chats=StoredChats(self._store.stored_requests),
                conversations=ConversationDesk(self._store.conversations, new_id=self._new_id),
                files=self._batch_rooms.files,
                batches=self._batch_rooms.batches,
                projects=self._store.projects,
                new_id=self._new_id,
                max_body_bytes=self._settings.max_body_bytes,
                max_file_bytes=self._settings.max_file_bytes,
                body_timeout_s=self._settings.body_timeout_s,
            )
        )

    async def close(self) -> None:
        """Let go of what the rooms hold open."""
        await self._images.close()

    def _feed(self, served: Served) -> None:
        self._background_worker.feed(served)
        self._batch_rooms.worker.feed(served)

    def _told(self) -> None:
        # A batch may have waited for an engine to tell its models.
        self._batch_rooms.validator.wake()

    def _trouble(self, replica: Replica) -> None:
        self.fleet.trouble(replica)

    @cached_property
    def _dialects(self) -> dict[DialectName, Dialect]:
        dialects: tuple[Dialect, ...] = (
            ChatDialect(),
            ResponsesDialect(self._cipher),
            MessagesDialect(
                self._cipher, is_sampling_refused=self._settings.strict_anthropic_sampling
            ),
            EmbeddingsDialect(),
            CompletionsDialect(),
        )
        return {dialect.name: dialect for dialect in dialects}

    @cached_property
    def _admission(self) -> Admission:
        return Admission(self.catalogue, self._dialects, clock=self._clock, new_id=self._new_id)

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self._dispatcher, images=self._images, on_trouble=self._trouble)

    @cached_property
    def _images(self) -> Images:
        return Images(AddressGuard(self._settings.image_addresses))

    @cached_property
    def _contexts(self) -> Contexts:
        return Contexts(self._store.stored_requests, self._store.conversations)

    @cached_property
    def _compaction(self) -> Compaction:
        return Compaction(
            self._admission,
            self._contexts,
            self._realtime,
            cipher=self._cipher,
            clock=self._clock,
            new_id=self._new_id,
        )

    @cached_property
    def _counting(self) -> Counting:
        return Counting(
            self._admission,
            self._contexts,
            self._dispatcher,
            images=self._images,
            reject_after_s=self._settings.reject_after_s,
            on_trouble=self._trouble,
        )

    @cached_property
    def _cipher(self) -> TextCipher:
        return TextCipher(seal_secret(self._settings))

    @cached_property
    def _seal(self) -> Seal:
        return Seal(seal_secret(self._settings))

    @cached_property
    def _leases(self) -> LeaseKeeper:
        return LeaseKeeper(self._store.leases, clock=self._clock, lease_s=self._settings.lease_s)

    @cached_property
    def _webhooks(self) -> Webhooks:
        return Webhooks(
            self._store.deliveries, clock=self._clock, seal=self._seal, guard=self._guard
        )

    @cached_property
    def _guard(self) -> AddressGuard:
        return AddressGuard(self._settings.networks)

    @cached_property
    def _realtime(self) -> Realtime:
        return Realtime(
            self._turns,
            self._store,
            self._background,
            clock=self._clock,
            reject_after_s=self._settings.reject_after_s,
            sync_timeout_s=self._settings.sync_timeout_s,
        )

    @cached_property
    def _background(self) -> Background:
        return Background(
            self._admission,
            self._contexts,
            self._store,
            self._background_worker,
            self._webhooks,
            clock=self._clock,
            seal=self._seal,
            guard=self._guard,
            expiry_s=self._settings.background_expiry_s,
        )

    @cached_property
    def _background_worker(self) -> BackgroundWorker:
        return BackgroundWorker(
            self._admission,
            self._contexts,
            self._turns,
            self._dispatcher,
            self._store,
            self._leases,
            self._webhooks,
            clock=self._clock,
            chance=self._chance,
        )

    @cached_property
    def _expirer(self) -> Expirer:
        return Expirer(self._admission, self._store, self._webhooks, clock=self._clock)

    @cached_property
    def _sweeper(self) -> Sweeper:
        return Sweeper(
            self._store, clock=self._clock, unstored_keep_s=self._settings.unstored_keep_s
        )

    @cached_property
    def _batch_rooms(self) -> BatchRooms:
        return BatchRooms(
            self._settings,
            self._store,
            self._doors,
            self.catalogue,
            self._dialects,
            self._admission,
            self._turns,
            self._dispatcher,
            self._leases,
        )
