"""Blobs of which some cannot be deleted."""

from __future__ import annotations

from forebay.store.blobs import Blobs
from forebay.store.database import StoreFailed
from tests.lanes.busy_store import BusyBlobs


class StuckBlobs(BusyBlobs):
    """Blobs that refuse to delete those that are `stuck`, or any while `is_all_stuck`."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs)
        self.stuck: set[str] = set()
        self.is_all_stuck = False

    async def delete(self, blob_id: str) -> None:
        if self.is_all_stuck or blob_id in self.stuck:
            raise StoreFailed("the disk does not let go of it")
        await super().delete(blob_id)
