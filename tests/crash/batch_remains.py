"""The blobs and temporary files that a crash leaves, and what is left of them after a sweep."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from forebay.core.clock import Instant
from forebay.core.ids import RandomIds
from forebay.lanes.orphans import AGE_S, Orphans
from forebay.settings import Settings
from forebay.store.blobs import Extent
from forebay.store.database import Database
from forebay.store.postgres import PostgresDatabase
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store, build_store
from forebay.wiring.blobs import open_blobs
from forebay.wiring.data_directory import BLOBS_FOLDER, DATABASE_FILE, SPILL_FOLDER
from tests.crash.sites import PostgresSite, Site
from tests.fakes import ManualClock

INCOMING = "incoming"
NAMED = """
SELECT blob_id FROM file WHERE blob_id IS NOT NULL UNION SELECT blob_id FROM file_part
UNION SELECT blob_id FROM upload_part UNION SELECT blob_id FROM segment
UNION SELECT blob_id FROM chunk
UNION SELECT index_blob_id AS blob_id FROM batch WHERE index_blob_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Remains:
    """Blobs that are there, and those that rows name."""

    there: set[str]
    named: set[str]

    @property
    def unnamed(self) -> set[str]:
        """Those that no row names."""
        return self.there - self.named

    @property
    def missing(self) -> set[str]:
        """Those that rows name, and that are not there."""
        return self.named - self.there


class Vault:
    """The blobs of a site, seen past its servers; without an address, they are on its disk."""

    def __init__(self, site: Site, *, blobs_url: str | None) -> None:
        self._site = site
        self._folder = site.callers.server.data_dir
        self._blobs_url = blobs_url

    async def remains(self) -> Remains:
        """Return what blobs there are now."""
        async with self._store() as store:
            there = {blob_id async for blob_id, _ in store.blobs.listed()}
        named = {str(row["blob_id"]) for row in await self._site.rows(NAMED)}
        return Remains(there, named)

    async def recorded(self) -> set[str]:
        """Return the custom ids of all results that chunks hold."""
        chunks = await self._site.rows("SELECT blob_id FROM chunk")
        found: list[str] = []
        async with self._store() as store:
            for chunk in chunks:
                content = await store.blobs.get(Extent(str(chunk["blob_id"])))
                found += [json.loads(line)["custom_id"] for line in content.splitlines()]
        return set(found)

    async def sweep(self) -> None:
        """Sweep as a server does that comes when what is there now is too old to get a name."""
        later = ManualClock(Instant(round((time.time() + AGE_S + 60) * 1000)))
        async with self._store() as store:
            orphans = Orphans(store, clock=later)
            while await orphans.step():
                pass

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Store]:
        settings = Settings(data_dir=str(self._folder), blobs_url=self._blobs_url)
        new_id = RandomIds()
        database = await self._database()
        blobs = open_blobs(settings, new_id, is_shared=True)
        try:
            yield build_store(database, blobs, clock=ManualClock(), new_id=new_id, is_shared=True)
        finally:
            blobs.close()
            await database.close()

    async def _database(self) -> Database:
        if isinstance(self._site, PostgresSite):
            return await PostgresDatabase.open(self._site.url)
        return SqliteDatabase(self._folder / DATABASE_FILE)


def unfinished(data_dir: Path) -> list[str]:
    """Return the temporary files in a data directory."""
    folders = (data_dir / BLOBS_FOLDER / INCOMING, data_dir / SPILL_FOLDER)
    return [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
