"""Everything that is kept, by noun."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Clock
from forebay.core.ids import NewId
from forebay.store.batches import Batches
from forebay.store.blobs import Blobs
from forebay.store.conversations import Conversations
from forebay.store.database import Database
from forebay.store.deliveries import Deliveries
from forebay.store.files import Files
from forebay.store.leases import Leases
from forebay.store.ledger import Ledger
from forebay.store.projects import Projects
from forebay.store.requests import Requests
from forebay.store.segments import Segments
from forebay.store.stored_requests import StoredRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The nouns over one database, and the blobs beside it."""

    projects: Projects
    requests: Requests
    stored_requests: StoredRequests
    conversations: Conversations
    ledger: Ledger
    leases: Leases
    deliveries: Deliveries
    files: Files
    batches: Batches
    segments: Segments
    blobs: Blobs


def build_store(database: Database, blobs: Blobs, *, clock: Clock, new_id: NewId) -> Store:
    """Return the nouns over `database`."""
    return Store(
        projects=Projects(database, clock=clock, new_id=new_id),
        requests=Requests(database, clock=clock, new_id=new_id),
        stored_requests=StoredRequests(database, clock=clock),
        conversations=Conversations(database, clock=clock, new_id=new_id),
        ledger=Ledger(database),
        leases=Leases(database, clock=clock),
        deliveries=Deliveries(database, clock=clock),
        files=Files(database, clock=clock),
        batches=Batches(database, clock=clock, new_id=new_id),
        segments=Segments(database, clock=clock, new_id=new_id),
        blobs=blobs,
    )
