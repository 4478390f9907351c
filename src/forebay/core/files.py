"""A file: bytes that a caller uploaded, or that a batch put out."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant, after

BATCH_FILE_LIFE_S = 30 * 86_400.0

MESSAGE_BATCH = "message_batch"
"""The purpose of files that a Message Batch keeps its requests and results in: nobody's to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is kept.

    `blob_id` is None for what was uploaded in parts, and for a batch's results: these are the
    batch's chunks.
    """

    id: str
    project_id: str
    purpose: str
    filename: str
    size_bytes: int
    sha256: str | None
    blob_id: str | None
    created_at: Instant
    expires_at: Instant | None

    @property
    def is_hidden(self) -> bool:
        """Whether it is no file of the Files API, but a Message Batch's own."""
        return self.purpose == MESSAGE_BATCH

    def has_expired(self, now: Instant) -> bool:
        """Tell whether the file's life is over, so that it is as good as deleted."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A blob that is a part of a file's content; of a batch's results its lines are counted."""

    blob_id: str
    size_bytes: int
    line_count: int | None = None


def expiry_of(purpose: str, expires_after_s: int | None, *, created_at: Instant) -> Instant | None:
    """Return when an uploaded file's life ends; files for batches are not kept for ever."""
    life_s = expires_after_s or (BATCH_FILE_LIFE_S if purpose == "batch" else None)
    return None if life_s is None else after(created_at, life_s)
