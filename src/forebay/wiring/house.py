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
from forebay.lanes.catalogue import Catalogue, Served
from forebay.lanes.compaction import Compaction
from forebay.lanes.contexts import Contexts
from forebay.lanes.control import Control, LeasedControl, SoleControl
from forebay.lanes.conversations import ConversationDesk
from forebay.lanes.counting import Counting
from forebay.lanes.idempotency import Idempotency
from forebay.lanes.images import Images
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.realtime import Realtime
from forebay.lanes.secret import Seal, TextCipher
from forebay.lanes.stored_chats import StoredChats
from forebay.lanes.sweeper import Keep, Sweeper
from forebay.lanes.turns import Turns
from forebay.scheduler.dispatcher import Dispatcher
from forebay.settings import Settings
from forebay.store.store import Store
from forebay.wiring.background_rooms import BackgroundRooms
from forebay.wiring.batch_rooms import BatchRooms
from forebay.wiring.doors import Doors
from forebay.wiring.fleet import Fleet
from forebay.wiring.secrets import seal_secret
from forebay.wiring.webhook_rooms import WebhookRooms


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
            self._control.run,
            self._webhook_rooms.outbox.run,
            self._background_rooms.worker.run,
            self._background_rooms.expirer.run,
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
                background=self._background_rooms.background,
                idempotency=Idempotency(
                    self._store.reservations, self._leases, new_id=self._new_id
                ),
                stored_responses=self._background_rooms.stored_responses,
                stored_chats=StoredChats(self._store.stored_requests),
                conversations=ConversationDesk(self._store.conversations, new_id=self._new_id),
                files=self._batch_rooms.files,
                uploads=self._batch_rooms.uploads,
                batches=self._batch_rooms.batches,
                inline_batches=self._batch_rooms.inline_batches,
                message_batches=self._batch_rooms.message_batches,
                batch_outcomes=self._batch_rooms.outcomes,
                webhook_endpoints=self._webhook_rooms.endpoints,
                webhook_deliveries=self._webhook_rooms.deliveries,
                projects=self._store.projects,
                new_id=self._new_id,
                max_body_bytes=self._settings.max_body_bytes,
                max_file_bytes=self._settings.max_file_bytes,
                max_batch_file_bytes=self._settings.max_batch_file_bytes,
                max_message_batch_bytes=self._settings.max_message_batch_bytes,
                body_timeout_s=self._settings.body_timeout_s,
                public_url=self._settings.public_url,
            )
        )

    def stop_claiming(self) -> None:
        """Begin nothing more that nobody waits for here."""
        self._control.leave()
        self._dispatcher.hold_back()
        self._background_rooms.worker.stop_claiming()
        self._batch_rooms.worker.stop_claiming()

    async def idle(self) -> None:
        """Return when no background request runs here."""
        await self._background_rooms.worker.idle()

    async def close(self) -> None:
        """Let go of what the rooms hold open."""
        await self._images.close()
        await self._webhook_rooms.close()

    def _feed(self, served: Served) -> None:
        self._background_rooms.worker.feed(served)
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
    def _webhook_rooms(self) -> WebhookRooms:
        return WebhookRooms(self._store, self._doors, seal=self._seal, guard=self._guard)

    @cached_property
    def _guard(self) -> AddressGuard:
        return AddressGuard(self._settings.networks)

    @cached_property
    def _realtime(self) -> Realtime:
        return Realtime(
            self._turns,
            self._store,
            self._background_rooms.background,
            clock=self._clock,
            reject_after_s=self._settings.reject_after_s,
            sync_timeout_s=self._settings.sync_timeout_s,
        )

    @cached_property
    def _control(self) -> Control:
        if not self._store.is_shared:
            return SoleControl()
        owner = self._new_id("proc_")
        store = self._store
        return LeasedControl(store.duties, store.leases, clock=self._clock, owner=owner)

    @cached_property
    def _sweeper(self) -> Sweeper:
        settings = self._settings
        keep = Keep(
            unstored_s=settings.unstored_keep_s,
            stored_s=settings.retention_s,
            events_s=settings.events_keep_s,
            reservations_s=settings.idempotency_keep_s,
        )
        return Sweeper(self._store, self._control, keep, clock=self._clock)

    @cached_property
    def _background_rooms(self) -> BackgroundRooms:
        return BackgroundRooms(
            self._settings,
            self._store,
            self._doors,
            self.catalogue,
            self._admission,
            self._contexts,
            self._turns,
            self._dispatcher,
            self._leases,
            self._control,
            seal=self._seal,
            guard=self._guard,
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
            self._control,
        )
