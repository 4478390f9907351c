"""Records with everything filled in, so that a test names only what it is about."""

from __future__ import annotations

from typing import Any

from forebay.core.batches import Batch, NewBatch
from forebay.core.clock import Instant, after
from forebay.core.files import File
from forebay.core.lanes import Lane
from forebay.core.ledger import EntryKind, LedgerEntry
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.core.uploads import Upload, UploadPart, UploadStatus
from forebay.store.batches import NewSegment
from forebay.store.chunks import NewChunk, Results
from forebay.store.request_records import NewRequest, RequestRecord, Settlement
from forebay.store.store import Store
from tests.fakes import START

LEASED_UNTIL = after(START, 60)


def new_request(id: str = "resp_1", **others: Any) -> NewRequest:
    """Return a background request."""
    values: dict[str, Any] = {
        "id": id,
        "project_id": DEFAULT_PROJECT,
        "key_id": "key_1",
        "lane": Lane.BACKGROUND,
        "dialect": "responses",
        "model": "tiny",
        "completion_window": "standard",
        "band_rank": 1,
        "accepted_at": START,
        "deadline_at": after(START, 300),
        "expires_at": after(START, 86_400),
        "body": b'{"model":"tiny","input":"hi"}',
    }
    return NewRequest(**(values | others))


def entry(subject_id: str = "resp_1", **others: Any) -> LedgerEntry:
    """Return a charge."""
    values: dict[str, Any] = {
        "kind": EntryKind.CHARGE,
        "subject_id": subject_id,
        "project_id": DEFAULT_PROJECT,
        "key_id": "key_1",
        "lane": Lane.BACKGROUND,
        "window": "standard",
        "model": "tiny",
        "usage": Usage(input_tokens=10, output_tokens=2),
        "cost_nanos": 700,
        "is_window_met": True,
        "created_at": START,
    }
    return LedgerEntry(**(values | others))


def completed(answer: bytes = b'{"ok":true}', *, charge: LedgerEntry | None = None) -> Settlement:
    """Return a good end."""
    return Settlement(
        status=RequestStatus.COMPLETED, finished_at=after(START, 9), answer=answer, charge=charge
    )


async def enqueue(store: Store, id: str = "resp_1", **others: Any) -> None:
    """Keep a background request that waits."""
    await store.requests.enqueue(new_request(id, **others))


async def claimed(store: Store, model: str = "tiny") -> RequestRecord:
    """Claim the next request, which there must be."""
    (request,) = await claims(store, model, limit=1)
    return request


async def claims(store: Store, model: str = "tiny", *, limit: int = 9) -> list[RequestRecord]:
    """Claim up to so many requests."""
    return await store.requests.claim(model, limit=limit, lease_expires_at=LEASED_UNTIL)


async def kept(store: Store, id: str = "resp_1") -> RequestRecord:
    """Return the request as it is kept, which it must be."""
    request = await store.requests.get(DEFAULT_PROJECT, id)
    assert request is not None
    return request


async def charge_count(store: Store) -> int:
    """Return how many charges the default project has."""
    count, _, _ = await store.ledger.total(DEFAULT_PROJECT)
    return count


def new_file(id: str = "file-1", **others: Any) -> File:
    """Return an uploaded file."""
    values: dict[str, Any] = {
        "id": id,
        "project_id": DEFAULT_PROJECT,
        "purpose": "batch",
        "filename": "in.jsonl",
        "size_bytes": 12,
        "sha256": "ab" * 32,
        "blob_id": "blob_1",
        "created_at": START,
        "expires_at": None,
    }
    return File(**(values | others))


def new_upload(id: str = "upload_1", **others: Any) -> Upload:
    """Return an upload that has just begun."""
    values: dict[str, Any] = {
        "id": id,
        "project_id": DEFAULT_PROJECT,
        "key_id": "key_1",
        "filename": "in.jsonl",
        "purpose": "batch",
        "mime_type": "application/jsonl",
        "size_bytes": 12,
        "status": UploadStatus.PENDING,
        "created_at": START,
        "expires_at": after(START, 3600),
        "file_expires_after_s": None,
    }
    return Upload(**(values | others))


def new_upload_part(number: int, **others: Any) -> UploadPart:
    """Return a part of the first upload."""
    values: dict[str, Any] = {
        "id": f"part_{number}",
        "upload_id": "upload_1",
        "blob_id": f"blob_{number}",
        "size_bytes": 4,
        "created_at": START,
    }
    return UploadPart(**(values | others))


def new_batch(id: str = "batch_1", **others: Any) -> NewBatch:
    """Return a batch to be validated."""
    values: dict[str, Any] = {
        "id": id,
        "project_id": DEFAULT_PROJECT,
        "key_id": "key_1",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "band_rank": 2,
        "metadata": "{}",
        "created_at": START,
        "deadline_at": after(START, 86_400),
        "expires_at": after(START, 86_400),
    }
    return NewBatch(**(values | others))


def segment(ordinal: int = 0, *, lines: int = 3, model: str = "tiny") -> NewSegment:
    """Return a segment of so many lines."""
    return NewSegment(ordinal=ordinal, model=model, blob_id=f"blob_s{ordinal}", line_count=lines)


async def begun(store: Store, *segments: NewSegment, **others: Any) -> Batch:
    """Return a batch in progress with these segments."""
    new = new_batch(**others)
    await store.batches.create(new)
    batch = await batch_of(store, new.id)
    assert await store.batches.begin(batch, list(segments) or [segment()])
    return await batch_of(store, new.id)


async def batch_of(store: Store, id: str = "batch_1") -> Batch:
    """Return the batch as it is kept, which it must be."""
    batch = await store.batches.get(DEFAULT_PROJECT, id)
    assert batch is not None
    return batch


def chunk(*numbers: int, kind: str = "output", blob_id: str = "blob_c1") -> NewChunk:
    """Return a chunk with the results of these lines."""
    return NewChunk(kind=kind, blob_id=blob_id, size_bytes=100, line_numbers=list(numbers))


def results(
    output: NewChunk | None = None,
    errors: NewChunk | None = None,
    *,
    created_at: Instant = START,
) -> Results:
    """Return what one flush records; output is billed."""
    usage = Usage() if output is None else Usage(input_tokens=10, output_tokens=2)
    charge = None
    if output is not None:
        charge = entry(output.blob_id, lane=Lane.BATCH, usage=usage, created_at=created_at)
    cost_nanos = 0 if charge is None else charge.cost_nanos
    return Results(output=output, errors=errors, usage=usage, cost_nanos=cost_nanos, charge=charge)
