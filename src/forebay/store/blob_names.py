"""By which rows blobs are named. What no row names is nobody's, once it is old enough."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.dialects.wire import encode
from forebay.store.database import Database


class BlobNames:
    """The names of blobs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unnamed(self, blob_ids: Sequence[str]) -> list[str]:
        """Return those of these blobs that nothing names."""
        rows = await self._database.read("list_unnamed_blobs", blob_ids=encode(blob_ids).decode())
        return [str(row["blob_id"]) for row in rows]
