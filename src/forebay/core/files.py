"""A file: bytes that a caller uploaded, or that a batch put out."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is kept. `blob_id` is None for a batch's output: its content is the chunks."""

    id: str
    project_id: str
    purpose: str
    filename: str
    size_bytes: int
    sha256: str | None
    blob_id: str | None
    created_at: Instant
    expires_at: Instant | None

    def has_expired(self, now: Instant) -> bool:
        """Tell whether the file's life is over, so that it is as good as deleted."""
        return self.expires_at is not None and self.expires_at <= now
