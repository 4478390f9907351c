"""Parts of a store that are busy when a test says so: they refuse, or make a caller wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from forebay.core.batches import Batch
from forebay.core.clock import Instant
from forebay.core.ledger import LedgerEntry
from forebay.store.blobs import Blob, Blobs, BlobWriter, Extent
from forebay.store.chunks import Results
from forebay.store.database import StoreFailed
from forebay.store.events import EventGroup, Events
from forebay.store.request_records import RequestRecord, Settlement
from forebay.store.requests import Requests
from forebay.store.segments import SegmentRecord, Segments
from tests.fakes import Gate


class BusyBlobs:
    """Blobs that refuse so many of their next puts and gets, and whose puts stop at `gate`.

    It tells how many puts were asked for, how many wait at the gate, and which blobs are `kept`.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.refused_puts = 0
        self.refused_gets = 0
        self.gate: Gate | None = None
        self.puts = 0
        self.waiting = 0
        self.kept: set[str] = set()

    async def create(self) -> BlobWriter:
        return await self._blobs.create()

    async def put(self, content: bytes) -> Blob:
        self.puts += 1
        if self.refused_puts:
            self.refused_puts -= 1
            raise StoreFailed("the disk is busy")
        if self.gate is not None:
            self.waiting += 1
            await self.gate.pass_through()
            self.waiting -= 1
        blob = await self._blobs.put(content)
        self.kept.add(blob.id)
        return blob

    async def get(self, extent: Extent) -> bytes:
        if self.refused_gets:
            self.refused_gets -= 1
            raise StoreFailed("the disk is busy")
        return await self._blobs.get(extent)

    def read(self, extent: Extent) -> AsyncIterator[bytes]:
        return self._blobs.read(extent)

    async def delete(self, blob_id: str) -> None:
        await self._blobs.delete(blob_id)
        self.kept.discard(blob_id)

    def listed(self) -> AsyncIterator[tuple[str, Instant]]:
        return self._blobs.listed()

    async def tidy(self, *, before: Instant) -> None:
        await self._blobs.tidy(before=before)

    async def probe(self) -> None:
        await self._blobs.probe()

    async def mark(self) -> str | None:
        return await self._blobs.mark()

    async def keep_mark(self, mark: str) -> None:
        await self._blobs.keep_mark(mark)


class BusySegments(Segments):
    """Segments whose next `refused` records fail, and the `unsure` next are said to have failed.

    Claims stop at `claiming` once they are made.
    """

    refused = 0
    unsure = 0
    claiming: Gate | None = None

    async def claim(
        self, model: str, *, lease_expires_at: Instant, but_not: Collection[str] = ()
    ) -> tuple[SegmentRecord, Batch] | None:
        claimed = await super().claim(model, lease_expires_at=lease_expires_at, but_not=but_not)
        if self.claiming is not None and claimed is not None:
            await self.claiming.pass_through()
        return claimed

    async def record(self, segment: SegmentRecord, batch: Batch, results: Results) -> bool:
        if self.refused:
            self.refused -= 1
            raise StoreFailed("the database is busy")
        has_all = await super().record(segment, batch, results)
        if self.unsure:
            self.unsure -= 1
            raise StoreFailed("no answer to a commit")
        return has_all


class BusyEvents(Events):
    """Events of which the next `unsure` groups are kept, although that is said to have failed."""

    unsure = 0

    async def append(self, request_id: str, lease_id: str, group: EventGroup) -> None:
        await super().append(request_id, lease_id, group)
        if self.unsure:
            self.unsure -= 1
            raise StoreFailed("no answer to a commit")


class BusyRequests(Requests):
    """Requests whose next `refused_settlements` fail, whose requeues stop at `gate`.

    Claims stop at `claiming` once they are made.
    """

    refused_settlements = 0
    gate: Gate | None = None
    claiming: Gate | None = None

    async def claim(
        self, model: str, *, limit: int, lease_expires_at: Instant
    ) -> list[RequestRecord]:
        claimed = await super().claim(model, limit=limit, lease_expires_at=lease_expires_at)
        if self.claiming is not None and claimed:
            await self.claiming.pass_through()
        return claimed

    async def settle(self, request: RequestRecord, settlement: Settlement) -> None:
        if self.refused_settlements:
            self.refused_settlements -= 1
            raise StoreFailed("the database is busy")
        await super().settle(request, settlement)

    async def requeue(
        self,
        request: RequestRecord,
        *,
        not_before_at: Instant | None = None,
        is_counted: bool,
        is_failure: bool = False,
        waste: tuple[LedgerEntry, ...] = (),
    ) -> None:
        if self.gate is not None:
            await self.gate.pass_through()
        await super().requeue(
            request,
            not_before_at=not_before_at,
            is_counted=is_counted,
            is_failure=is_failure,
            waste=waste,
        )
