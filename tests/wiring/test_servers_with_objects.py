"""Several servers that share a PostgreSQL database and an object store, and no directory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from openai import AsyncOpenAI
from openai.types import Batch

from forebay.settings import Settings
from forebay.wiring.blobs import BlobsUnusable
from forebay.wiring.doors import Doors
from forebay.wiring.service import running
from tests.api.conftest import held
from tests.api.transport import AppTransport
from tests.fakes import ScriptedEngine, until
from tests.s3_server import SECRET_KEY

pytestmark = [
    pytest.mark.parametrize("database_kind", ["postgres"]),
    pytest.mark.parametrize("blobs_kind", ["s3"]),
]

ADMIN = "fb-admin"
Start = Callable[[], Awaitable[AsyncOpenAI]]


@pytest.fixture
async def start(tmp_path: Path, database_url: str, blobs_url: str) -> AsyncIterator[Start]:
    """Start one more server with a directory of its own, and return a client of it."""
    doors = Doors(open_engine=lambda _: ScriptedEngine())
    async with AsyncExitStack() as stack:
        started = 0

        async def start() -> AsyncOpenAI:
            nonlocal started
            started += 1
            settings = Settings(
                data_dir=str(tmp_path / f"data-{started}"),
                database_url=database_url,
                blobs_url=blobs_url,
                secret_key="a secret that they share",
                api_key=ADMIN,
                engines=["http://engine/v1"],
            )
            service = await stack.enter_async_context(
                held(running(settings, weights=None, doors=doors))
            )
            http = await stack.enter_async_context(
                httpx2.AsyncClient(transport=AppTransport(service.app))
            )
            return AsyncOpenAI(
                api_key=ADMIN, base_url="http://forebay/v1", http_client=http, max_retries=0
            )

        yield start


def lines(*custom_ids: str) -> bytes:
    """Return the input of a batch."""
    return b"".join(
        json.dumps(
            {
                "custom_id": custom_id,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "tiny", "messages": [{"role": "user", "content": custom_id}]},
            }
        ).encode()
        + b"\n"
        for custom_id in custom_ids
    )


async def test_a_file_uploaded_at_one_server_is_read_at_the_other(start: Start) -> None:
    one, two = await start(), await start()
    file = await one.files.create(file=("in.jsonl", lines("a")), purpose="batch")
    assert (await two.files.content(file.id)).content == lines("a")
    await two.files.delete(file.id)
    assert [found async for found in await one.files.list()] == []


async def test_a_batch_made_at_one_server_is_read_from_the_other(start: Start) -> None:
    one, two = await start(), await start()
    model = (await one.models.list()).data[0].id
    custom_ids = ["a", "b", "c"]
    content = lines(*custom_ids).replace(b'"tiny"', json.dumps(model).encode())
    file = await two.files.create(file=("in.jsonl", content), purpose="batch")
    # The first one that started has the housekeeping: it plans and closes what the other took.
    made = await two.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )

    async def is_completed() -> Batch | None:
        batch = await one.batches.retrieve(made.id)
        assert batch.status not in ("failed", "expired"), batch
        return batch if batch.status == "completed" else None

    batch = await until(is_completed)
    assert batch.output_file_id is not None
    for client in (one, two):
        output = (await client.files.content(batch.output_file_id)).text
        answered = [json.loads(line)["custom_id"] for line in output.splitlines()]
        assert sorted(answered) == custom_ids


async def test_a_server_that_cannot_use_its_bucket_does_not_start(
    tmp_path: Path, database_url: str, blobs_url: str
) -> None:
    settings = Settings(
        data_dir=str(tmp_path / "data"),
        database_url=database_url,
        blobs_url="s3://nowhere/place",
        api_key=ADMIN,
    )
    with pytest.raises(BlobsUnusable, match=r"s3://nowhere/place .*NoSuchBucket") as raised:
        async with running(settings, weights=None):
            pass
    assert SECRET_KEY not in str(raised.value)
