"""An upload: a file that comes in parts, which become its content when it is completed.

The words are OpenAI's (the Upload object of its API). Parts come in any order and at once; their
order in the file is that in which they are named at the end, and those not named are forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.core.clock import Instant


class UploadStatus(StrEnum):
    """The API's own words."""

    PENDING = "pending"  # takes parts; left by complete, cancel, or at its expiry
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload as it is kept. `size_bytes` is what its maker announced."""

    id: str
    project_id: str
    key_id: str
    filename: str
    purpose: str
    mime_type: str
    size_bytes: int
    status: UploadStatus
    created_at: Instant
    expires_at: Instant
    file_expires_after_s: int | None
    file_id: str | None = None

    def status_at(self, now: Instant) -> UploadStatus:
        """Return its status; past its expiry it is over, even if nobody has noted that yet."""
        is_over = self.status is UploadStatus.PENDING and self.expires_at <= now
        return UploadStatus.EXPIRED if is_over else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A part of an upload, as it is kept."""

    id: str
    upload_id: str
    blob_id: str
    size_bytes: int
    created_at: Instant
