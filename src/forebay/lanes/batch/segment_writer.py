"""The blobs of a plan: its segments one after the other, and the index of their custom ids."""

from __future__ import annotations

from forebay.lanes.batch.custom_ids import HashedRecords
from forebay.lanes.batch.line_index import encode_place
from forebay.lanes.batch.prefix import BYTES_A_TOKEN, shared_chain
from forebay.store.batches import NewSegment
from forebay.store.blobs import Blobs, BlobWriter

SEGMENT_LINES = 256
SEGMENT_BYTES = 4 * 1024 * 1024
WRITE_BYTES = 1024 * 1024


class SegmentWriter:
    """Cuts sorted lines into segments of one model each.

    What was added is written by `flush`, which is due when `is_full`.
    """

    def __init__(self, writer: BlobWriter, index: HashedRecords) -> None:
        self._writer = writer
        self._index = index
        self._cuts: list[_Cut] = []
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._size_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether enough was added for one writing."""
        return self._pending_bytes >= WRITE_BYTES

    def add(
        self, line: bytes, *, model: str, chain: bytes, id_hash: bytes, prompt_bytes: int
    ) -> None:
        """Put a line into the open segment, or into the next."""
        if not self._cuts or not self._cuts[-1].has_room(model):
            self._cuts.append(_Cut(len(self._cuts), model, chain, self._size_bytes))
        cut = self._cuts[-1]
        self._index.add(id_hash, encode_place(cut.ordinal, cut.line_count))
        cut.line_count += 1
        cut.size_bytes += len(line)
        cut.prompt_bytes += prompt_bytes
        cut.last_chain = chain
        self._size_bytes += len(line)
        self._pending.append(line)
        self._pending_bytes += len(line)

    async def flush(self) -> None:
        """Write what was added."""
        content = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        await self._writer.write(content)

    async def commit(self) -> list[NewSegment]:
        """Make the segments durable and return them."""
        await self.flush()
        blob = await self._writer.commit()
        return [cut.segment(blob.id) for cut in self._cuts]


class _Cut:
    """A segment as it fills."""

    __slots__ = (
        "first_chain",
        "last_chain",
        "line_count",
        "model",
        "offset_bytes",
        "ordinal",
        "prompt_bytes",
        "size_bytes",
    )

    def __init__(self, ordinal: int, model: str, chain: bytes, offset_bytes: int) -> None:
        self.ordinal = ordinal
        self.model = model
        self.first_chain = self.last_chain = chain
        self.offset_bytes = offset_bytes
        self.size_bytes = self.line_count = self.prompt_bytes = 0

    def has_room(self, model: str) -> bool:
        return (
            model == self.model
            and self.line_count < SEGMENT_LINES
            and self.size_bytes < SEGMENT_BYTES
        )

    def segment(self, blob_id: str) -> NewSegment:
        return NewSegment(
            ordinal=self.ordinal,
            model=self.model,
            blob_id=blob_id,
            offset_bytes=self.offset_bytes,
            size_bytes=self.size_bytes,
            line_count=self.line_count,
            input_tokens=self.prompt_bytes // BYTES_A_TOKEN,
            # Lines are sorted by their chains, so what the outermost share they all do.
            prefix=shared_chain(self.first_chain, self.last_chain).hex(),
        )


async def write_index(blobs: Blobs, index: HashedRecords) -> str:
    """Keep the index of all lines as a blob and return its id; leaves none behind otherwise."""
    writer = await blobs.create()
    try:
        for records in index.buckets():
            await writer.write(b"".join(records))
        return (await writer.commit()).id
    except BaseException:
        await writer.abandon()
        raise
