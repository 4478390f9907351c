"""The sites on which batches are killed: SQLite and a disk, or PostgreSQL and an object store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.crash.batch_lines import write_models
from tests.crash.batch_remains import Vault
from tests.crash.rote_engine import RoteEngine
from tests.crash.sites import PostgresSite, SqliteSite, postgres_site, sqlite_site
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server

KINDS = ("sqlite", "postgres")


@asynccontextmanager
async def batches_on_sqlite(
    folder: Path,
    engine: RoteEngine,
    models: Iterable[str],
    *,
    slots: int,
) -> AsyncIterator[tuple[SqliteSite, Vault]]:
    """Run one server with these models, which share the engine's slots."""
    config = write_models(folder, engine, models, slots=slots)
    async with sqlite_site(folder, engine, slots=slots, config=config) as site:
        yield site, Vault(site, blobs_url=None)


@asynccontextmanager
async def batches_on_postgres(
    folder: Path,
    engine: RoteEngine,
    models: Iterable[str],
    servers: tuple[PostgresServer, S3Server],
    *,
    slots: int,
    environ: Mapping[str, str] = {},
) -> AsyncIterator[tuple[PostgresSite, Vault]]:
    """Run two servers, each with a data directory of its own, that share a bucket as well."""
    postgres, s3 = servers
    config = write_models(folder, engine, models, slots=slots)
    blobs_url = s3.place()
    shared = {
        "FOREBAY_SECRET_KEY": "a secret that both servers share",
        "FOREBAY_BLOBS_URL": blobs_url,
    }
    async with postgres_site(
        folder,
        engine,
        postgres,
        slots=slots,
        config=config,
        environ={**shared, **environ},
        is_apart=True,
    ) as site:
        yield site, Vault(site, blobs_url=blobs_url)
