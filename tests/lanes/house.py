"""The lanes over a real store and a scripted engine, joined by hand, each loop run when asked."""

from __future__ import annotations

import asyncio
import ipaddress
from fractions import Fraction
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.core.models import Model
from forebay.core.money import Price, PriceList
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.windows import DEFAULT_WINDOWS, Band, CompletionWindow
from forebay.dialects.chat import ChatDialect
from forebay.dialects.completions import CompletionsDialect
from forebay.dialects.dialect import Dialect, DialectName
from forebay.dialects.embeddings import EmbeddingsDialect
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.turn import JsonObject
from forebay.engines.pool import Replica
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.admission import Accepted, Admission, Caller
from forebay.lanes.background import Background
from forebay.lanes.background_runs import BackgroundRuns
from forebay.lanes.background_streams import BackgroundStreams
from forebay.lanes.background_worker import BackgroundWorker
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.closer import Closer
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.forecast import Forecasts
from forebay.lanes.batch.line_runner import LineRunner
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import Plan, PlanJob
from forebay.lanes.batch.plan_jobs import PlanJobs
from forebay.lanes.batch.validator import Validator
from forebay.lanes.batch.worker import BatchWorker
from forebay.lanes.catalogue import Catalogue, Served
from forebay.lanes.claims import Claims
from forebay.lanes.contexts import Contexts
from forebay.lanes.control import SoleControl
from forebay.lanes.expirer import Expirer
from forebay.lanes.images import Images
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.outlook import Outlook
from forebay.lanes.realtime import Realtime
from forebay.lanes.secret import Seal
from forebay.lanes.shown_tokens import ShownTokens
from forebay.lanes.stored_responses import StoredResponses
from forebay.lanes.turns import Turns
from forebay.lanes.webhook_calls import WebhookCalls
from forebay.lanes.webhooks import Webhooks
from forebay.store.request_records import RequestRecord
from forebay.store.signals import Topic, queued_subject
from forebay.store.store import Store
from tests.fakes import CountingIds, Gate, ManualClock, ScriptedEngine, until
from tests.lanes.loops import moment
from tests.lanes.watched_dispatcher import WatchedDispatcher

CALLER = Caller(project_id=DEFAULT_PROJECT, key_id="key_1")
PRICE = Price(input=1_000_000, cached=500_000, output=2_000_000)
HOUR = CompletionWindow(
    name="1h",
    seconds=3600,
    band=Band.BULK,
    price_factor=Fraction(1, 4),
    lanes=frozenset({Lane.BATCH}),
)
RETENTION_S = 2_592_000.0
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
EVERYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


class House:
    """Every lane. Replicas of "tiny" are added by `add_replica`; the first one has two slots."""

    def __init__(
        self, store: Store, clock: ManualClock, new_id: CountingIds, engine: ScriptedEngine
    ) -> None:
        self.store, self.clock, self.new_id, self.engine = store, clock, new_id, engine
        self.dispatcher = WatchedDispatcher(timers=lambda: clock)
        self.catalogue = Catalogue()
        self.dialects: dict[DialectName, Dialect] = {
            dialect.name: dialect
            for dialect in (
                ChatDialect(),
                ResponsesDialect(),
                MessagesDialect(),
                EmbeddingsDialect(),
                CompletionsDialect(),
            )
        }
        self.troubled: list[Replica] = []
        self.pauses_s: list[float] = []
        self.pausing: Gate | None = None  # where pauses between attempts wait
        self.images = Images(AddressGuard((LOOPBACK,)))
        self.turns = Turns(self.dispatcher, images=self.images, on_trouble=self.troubled.append)
        self.contexts = Contexts(store.stored_requests, store.conversations)
        self.seal = Seal(b"secret")
        self.admission = Admission(self.catalogue, self.dialects, clock=clock, new_id=new_id)
        self.leases = LeaseKeeper(store.leases, clock=clock, lease_s=60)
        self.control = SoleControl()
        self.streams = BackgroundStreams(store)
        self.calls = WebhookCalls(clock=clock, seal=self.seal, guard=AddressGuard((LOOPBACK,)))
        self.webhooks = Webhooks(store, self.calls, clock=clock, chance=lambda: 0.0)
        claims = Claims(
            store,
            self.streams,
            clock=clock,
            chance=lambda: 1.0,
            after_failure_s=0.0,
            sleep=moment,
        )
        runs = BackgroundRuns(
            self.admission,
            self.contexts,
            self.turns,
            claims,
            store.events,
            self.streams,
            clock=clock,
            sleep=moment,
        )
        self.worker = BackgroundWorker(
            runs, self.dispatcher, store, self.leases, self.control, clock=clock
        )
        outlook = Outlook(store.paces, clock=clock, progress=self.worker.progress)
        self.responses = StoredResponses(
            self.admission,
            self.catalogue,
            self.contexts,
            outlook,
            store,
            windows=(*DEFAULT_WINDOWS, HOUR),
        )
        self.shown_tokens = ShownTokens(
            self.admission, self.contexts, self.streams, store.ledger, clock=clock
        )
        self.expirer = Expirer(self.admission, store, self.control, self.shown_tokens, clock=clock)
        self.background = Background(
            self.admission,
            self.contexts,
            store,
            self.streams,
            self.shown_tokens,
            clock=clock,
            seal=self.seal,
            guard=AddressGuard(EVERYWHERE),  # so that delivery has something to refuse
            expiry_s=86_400,
        )
        self._join_batches()
        self.served = self.serve("tiny")
        self.replica = self.add_replica(engine)

    def _join_batches(self) -> None:
        store, clock, new_id = self.store, self.clock, self.new_id
        self.runner = LineRunner(
            self.admission,
            self.dialects,
            self.turns,
            self.dispatcher,
            clock=clock,
            new_id=new_id,
            chance=lambda: 1.0,
            sleep=self.pause,
        )
        self.closing = asyncio.Event()
        self.batch_worker = BatchWorker(
            self.runner,
            self.dispatcher,
            store,
            self.leases,
            self.control,
            clock=clock,
            on_progress=self.closing.set,
            flush_after_s=0.005,
            after_failure_s=0.0,
        )
        self.closer = Closer(
            self.batch_worker,
            self.runner,
            store,
            self.leases,
            self.control,
            clock=clock,
            wake=self.closing,
            retention_s=RETENTION_S,
        )
        self.plan_jobs = PlanJobs(
            store,
            self.catalogue,
            clock=clock,
            max_bytes=10**6,
            max_requests=1000,
            max_errors=5,
        )
        self.validator = Validator(
            self.plan_jobs,
            self.plan,
            store,
            self.control,
            clock=clock,
            on_begun=self.batch_worker.wake,
            after_failure_s=0.0,
        )
        self.files = FileDesk(store, clock=clock, new_id=new_id, max_file_bytes=10**7)
        self.forecasts = Forecasts(
            store, clock=clock, models=lambda: [it.model.name for it in self.catalogue.all()]
        )
        self.batches = BatchDesk(
            store,
            self.forecasts,
            clock=clock,
            new_id=new_id,
            windows=(*DEFAULT_WINDOWS, HOUR),
            currency="USD",
            expiry_s=86_400,
            on_created=self.validator.wake,
            on_cancelled=self.closing.set,
        )

    async def plan(self, job: PlanJob) -> Plan:
        """Plan in this process, with the system's folder for what does not fit."""
        return await plan(job, self.store.blobs, folder=Path(gettempdir()))

    def serve(self, name: str, **others: Any) -> Served:
        """Serve a model, and feed the workers with its work."""
        values: dict[str, Any] = {
            "name": name,
            "aliases": (f"{name}-alias",),
            "windows": (*DEFAULT_WINDOWS, HOUR),
            "prices": PriceList(asap=PRICE),
            "currency": "USD",
            "created_at": Instant(0),
        }
        served = self.catalogue.add(Model(**(values | others)))
        self.worker.feed(served)
        self.batch_worker.feed(served)
        return served

    def add_replica(
        self, engine: ScriptedEngine, *, slots: int = 2, served: Served | None = None
    ) -> Replica:
        """Add a replica that is well."""
        pool = (served or self.served).pool
        replica = Replica(f"replica {len(pool.members)}", engine, slots=slots)
        pool.add(replica, model="engine-name")
        self.dispatcher.mark_up(replica)
        return replica

    def realtime(self, *, reject_after_s: float = 0.01, sync_timeout_s: float = 0.02) -> Realtime:
        """Return the realtime lane with this patience."""
        return Realtime(
            self.turns,
            self.store,
            self.background,
            clock=self.clock,
            reject_after_s=reject_after_s,
            sync_timeout_s=sync_timeout_s,
        )

    def admit(self, prompt: str = "hi", **others: object) -> Accepted:
        """Return an accepted response call; it is not stored unless asked."""
        body: JsonObject = {"model": "tiny", "input": prompt, "store": False}
        return self.admission.admit(DialectName.RESPONSES, body | others, CALLER)

    async def submit(self, prompt: str = "hi", **others: object) -> str:
        """Submit a background response and return its id."""
        accepted = self.admit(prompt, background=True, **others)
        return str((await self.background.submit(accepted))["id"])

    def look_again(self) -> None:
        """Have the background worker look for waiting work."""
        self.store.signals.send(Topic.QUEUED, queued_subject("tiny", (0, Instant(0))))

    async def kept(self, request_id: str) -> RequestRecord:
        """Return a request as it is kept, which it must be."""
        request = await self.store.requests.get(DEFAULT_PROJECT, request_id)
        assert request is not None
        return request

    async def ended(self, request_id: str) -> RequestRecord:
        """Return a request once it has ended."""

        async def look() -> RequestRecord | None:
            request = await self.kept(request_id)
            return request if request.finished_at is not None else None

        return await until(look)

    async def charges(self) -> tuple[int, int]:
        """Return the number and the sum of the default project's charges."""
        count, _, cost_nanos = await self.store.ledger.total(DEFAULT_PROJECT)
        return count, cost_nanos

    async def pause(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.pauses_s.append(seconds)
        if self.pausing is not None:
            await self.pausing.pass_through()
        self.clock.move(seconds)
        await asyncio.sleep(0)
