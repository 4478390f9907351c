"""Blobs: bodies that are kept outside the database, immutable once committed, and durable by then.

Only what is durable may be named by a row, and what no row names any more is deleted. A crash
between the two leaves a blob that nobody names: whoever sweeps finds it by `listed`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from forebay.core.clock import Instant
from forebay.store.database import StoreFailed

PIECE_BYTES = 256 * 1024


class BlobMissing(StoreFailed):
    """There is no blob of that id: it was deleted, or lost."""

    is_retriable = False

    def __init__(self, blob_id: str) -> None:
        super().__init__(f"there is no blob {blob_id}")


class BlobsFailed(StoreFailed):
    """Whoever keeps the blobs did not do it; `detail` is for the operator, not for callers."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A committed blob."""

    id: str
    size_bytes: int
    sha256: str


class Extent(NamedTuple):
    """A stretch of a blob; without a size, all of it from the offset on."""

    blob_id: str
    offset_bytes: int = 0
    size_bytes: int | None = None


class BlobWriter(Protocol):
    """A blob that is being written, until a `commit` that returns or an `abandon` ends it."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far, hexadecimal."""
        ...

    async def write(self, piece: bytes) -> None:
        """Add bytes at the end."""
        ...

    async def commit(self) -> Blob:
        """Make the blob durable; it can be read from now on."""
        ...

    async def abandon(self) -> None:
        """Leave nothing behind, not even of a commit that was cancelled or failed."""
        ...


class Blobs(Protocol):
    """Where bodies are kept."""

    async def create(self) -> BlobWriter:
        """Begin a blob."""
        ...

    async def put(self, content: bytes) -> Blob:
        """Keep `content` durably as a blob."""
        ...

    async def get(self, extent: Extent) -> bytes:
        """Return the whole of a stretch; for those known to be small. Raises `BlobMissing`."""
        ...

    def read(self, extent: Extent) -> AsyncIterator[bytes]:
        """Return a stretch in pieces; raises `BlobMissing` before the first."""
        ...

    async def delete(self, blob_id: str) -> None:
        """Forget a blob, if it is there."""
        ...

    def listed(self) -> AsyncIterator[tuple[str, Instant]]:
        """Return every committed blob with the time of its writing, in no order."""
        ...

    async def tidy(self, *, before: Instant) -> None:
        """Forget what interrupted writers left before that instant, where nothing else would."""
        ...

    async def probe(self) -> None:
        """Find out whether blobs can be kept here, where opening does not tell.

        Raises `StoreFailed`.
        """
        ...

    async def mark(self) -> str | None:
        """Return what `keep_mark` left here: whose place this is."""
        ...

    async def keep_mark(self, mark: str) -> None:
        """Leave a mark that outlasts this process, unless there is one."""
        ...


class OwnedBlobs(Blobs, Protocol):
    """Blobs as they are seen by whoever opened them."""

    def close(self) -> None:
        """Finish what was begun, then close."""
        ...
