"""Everything that is kept, by noun."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Clock
from forebay.core.ids import NewId
from forebay.store.batch_work import BatchWork
from forebay.store.batches import Batches
from forebay.store.blob_names import BlobNames
from forebay.store.blobs import Blobs
from forebay.store.conversations import Conversations
from forebay.store.database import Database
from forebay.store.deliveries import Deliveries
from forebay.store.delivery_log import DeliveryLog
from forebay.store.duties import Duties
from forebay.store.events import Events
from forebay.store.failed_lines import FailedLines
from forebay.store.files import Files
from forebay.store.house_marks import HouseMarks
from forebay.store.leases import Leases
from forebay.store.ledger import Ledger
from forebay.store.paces import Paces
from forebay.store.projects import Projects
from forebay.store.remains import Remains
from forebay.store.requests import Requests
from forebay.store.reservations import Reservations
from forebay.store.response_lists import ResponseLists
from forebay.store.segments import Segments
from forebay.store.signals import Signals
from forebay.store.stored_requests import StoredRequests
from forebay.store.uploads import Uploads
from forebay.store.verdicts import Verdicts
from forebay.store.webhook_endpoints import WebhookEndpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The nouns over one database, and the blobs beside it."""

    projects: Projects
    requests: Requests
    events: Events
    stored_requests: StoredRequests
    response_lists: ResponseLists
    paces: Paces
    conversations: Conversations
    ledger: Ledger
    leases: Leases
    reservations: Reservations
    deliveries: Deliveries
    delivery_log: DeliveryLog
    webhook_endpoints: WebhookEndpoints
    files: Files
    uploads: Uploads
    batches: Batches
    batch_work: BatchWork
    verdicts: Verdicts
    segments: Segments
    failed_lines: FailedLines
    remains: Remains
    blobs: Blobs
    blob_names: BlobNames
    signals: Signals
    duties: Duties
    house_marks: HouseMarks
    clock: Clock
    is_shared: bool


def build_store(
    database: Database, blobs: Blobs, *, clock: Clock, new_id: NewId, is_shared: bool = False
) -> Store:
    """Return the nouns over `database`; it `is_shared` when other processes may use it, too."""
    signals = Signals()
    return Store(
        projects=Projects(database, clock=clock, new_id=new_id, signals=signals),
        requests=Requests(database, clock=clock, new_id=new_id, signals=signals),
        events=Events(database),
        stored_requests=StoredRequests(database, clock=clock),
        response_lists=ResponseLists(database),
        paces=Paces(database),
        conversations=Conversations(database, clock=clock, new_id=new_id),
        ledger=Ledger(database),
        leases=Leases(database, clock=clock, signals=signals),
        reservations=Reservations(database, clock=clock),
        deliveries=Deliveries(database, clock=clock),
        delivery_log=DeliveryLog(database, clock=clock),
        webhook_endpoints=WebhookEndpoints(database, clock=clock),
        files=Files(database, clock=clock),
        uploads=Uploads(database, clock=clock),
        batches=Batches(database, clock=clock, new_id=new_id, signals=signals),
        batch_work=BatchWork(database, clock=clock),
        verdicts=Verdicts(database, clock=clock),
        segments=Segments(database, clock=clock, new_id=new_id),
        failed_lines=FailedLines(database),
        remains=Remains(database, clock=clock),
        blobs=blobs,
        blob_names=BlobNames(database),
        signals=signals,
        duties=Duties(database, clock=clock),
        house_marks=HouseMarks(database),
        clock=clock,
        is_shared=is_shared,
    )
