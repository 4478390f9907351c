"""The files that a batch's results make up: each is a row that grows, its content the chunks."""

from __future__ import annotations

from typing import Protocol

from forebay.core.batches import Batch, BatchApi
from forebay.core.clock import Instant
from forebay.core.files import MESSAGE_BATCH, File
from forebay.store.database import Tx
from forebay.store.files import add_file


class Chunk(Protocol):
    """Results that a file of their kind is to hold."""

    @property
    def kind(self) -> str:
        """Whether they are `output` or `error`."""
        ...

    @property
    def size_bytes(self) -> int:
        """How long they are."""
        ...


async def grow_batch_file(
    tx: Tx, batch: Batch, file_id: str, chunk: Chunk, *, is_new: bool, now: Instant
) -> None:
    """Let the batch's file of the chunk's kind hold the chunk, too; a new one is made first.

    A file that its owner deleted meanwhile stays deleted.
    """
    if is_new:
        await add_file(tx, _batch_file(batch, chunk.kind, file_id, now=now))
    await tx.run("grow_file", id=file_id, size_bytes=chunk.size_bytes)


def _batch_file(batch: Batch, kind: str, file_id: str, *, now: Instant) -> File:
    is_hidden = batch.api is BatchApi.MESSAGE_BATCHES
    return File(
        id=file_id,
        project_id=batch.project_id,
        purpose=MESSAGE_BATCH if is_hidden else "batch_output",
        filename=f"{batch.id}_{kind}.jsonl",
        size_bytes=0,
        sha256=None,
        blob_id=None,
        created_at=now,
        expires_at=None,  # until its batch has ended
    )
