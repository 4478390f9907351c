"""Blobs in an object store: what the protocol and the network add to the common suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from forebay.store.blobs import BlobMissing, Extent
from forebay.store.database import StoreFailed
from forebay.store.object_blobs import ObjectBlobs
from forebay.store.object_writer import LUMP_BYTES, PART_BYTES
from tests.fakes import CountingIds, until
from tests.s3_server import SECRET_KEY, S3Server

pytestmark = pytest.mark.parametrize("blobs_kind", ["s3"])


async def test_an_abandoned_upload_leaves_no_parts(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str
) -> None:
    writer = await blobs.create()
    await writer.write(b"x" * 3 * PART_BYTES)

    async def parts_arrived() -> bool:
        return bool(s3_server.files(blobs_url))

    await until(parts_arrived)
    await writer.abandon()
    assert s3_server.files(blobs_url) == []


@pytest.mark.parametrize("size_bytes", [4, PART_BYTES + 4])
async def test_a_commit_that_is_cancelled_can_still_be_abandoned(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str, size_bytes: int
) -> None:
    writer = await blobs.create()
    await writer.write(b"x" * size_bytes)
    committing = asyncio.create_task(writer.commit())
    await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing
    await writer.abandon()
    assert s3_server.files(blobs_url) == []


async def test_an_abandoned_commit_is_undone(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str
) -> None:
    writer = await blobs.create()
    await writer.write(b"content")
    await writer.commit()
    await writer.abandon()
    assert s3_server.files(blobs_url) == []


async def test_a_store_that_is_gone_fails_and_one_that_is_back_does_not(
    blobs: ObjectBlobs, s3_server: S3Server
) -> None:
    blob = await blobs.put(b"content")
    s3_server.stop()
    try:
        for request in (
            blobs.put(b"more"),
            blobs.get(Extent(blob.id)),
            blobs.get(Extent(blob.id, 1, 2)),
            blobs.delete(blob.id),
            anext(blobs.listed()),
        ):
            with pytest.raises(StoreFailed) as raised:
                await request
            assert not isinstance(raised.value, BlobMissing)
    finally:
        s3_server.start()
    assert await blobs.get(Extent(blob.id)) == b"content"
    assert [blob_id async for blob_id, _ in blobs.listed()] == [blob.id]


async def test_an_upload_that_loses_its_store_fails_instead_of_waiting(
    blobs: ObjectBlobs, s3_server: S3Server
) -> None:
    writer = await blobs.create()
    await writer.write(b"x" * PART_BYTES)
    s3_server.stop()
    try:
        with pytest.raises(StoreFailed):
            for _ in range(10 * PART_BYTES // LUMP_BYTES):
                await writer.write(b"x" * LUMP_BYTES)
        await writer.abandon()
    finally:
        s3_server.start()
    assert [blob_id async for blob_id, _ in blobs.listed()] == []


async def test_what_others_keep_in_the_same_place_is_no_blob(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str
) -> None:
    other = ObjectBlobs(f"{blobs_url}/other", new_id=CountingIds(), is_http_allowed=True)
    await other.put(b"theirs")
    blob = await blobs.put(b"ours")
    assert [blob_id async for blob_id, _ in blobs.listed()] == [blob.id]


async def test_a_probe_leaves_nothing(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str
) -> None:
    await blobs.probe()
    assert s3_server.files(blobs_url) == []


async def test_a_bucket_that_is_not_there_fails_the_probe(
    s3_server: S3Server, blobs_kind: str
) -> None:
    blobs = ObjectBlobs("s3://nowhere/place", new_id=CountingIds(), is_http_allowed=True)
    with pytest.raises(StoreFailed, match="NoSuchBucket"):
        await blobs.probe()


async def test_a_refusal_is_told_without_the_secret(
    s3_server: S3Server, blobs_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY + "-but-wrong")
    blobs = ObjectBlobs(blobs_url, new_id=CountingIds(), is_http_allowed=True)
    with pytest.raises(StoreFailed, match="SignatureDoesNotMatch") as raised:
        await blobs.probe()
    assert SECRET_KEY not in str(raised.value)


async def test_an_endpoint_without_tls_is_used_only_when_that_is_allowed(
    s3_server: S3Server, blobs_url: str
) -> None:
    with pytest.raises(StoreFailed):
        await ObjectBlobs(blobs_url, new_id=CountingIds()).probe()


@pytest.fixture
async def strict_blobs(
    blobs: ObjectBlobs, s3_server: S3Server, blobs_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ObjectBlobs]:
    """The same blobs by way of a proxy that says what a stretch is, as Amazon's servers do."""
    target = s3_server.environment["AWS_ENDPOINT_URL"]

    async def pass_on(request: web.Request) -> web.Response:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, target + request.path_qs, headers=request.headers
            ) as answer,
        ):
            is_stretch = "content-range" in answer.headers
            return web.Response(
                status=206 if is_stretch else answer.status,
                body=await answer.read(),
                headers={
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() in ("content-range", "last-modified", "etag")
                },
            )

    app = web.Application()
    app.router.add_get("/{path:.*}", pass_on, allow_head=False)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield ObjectBlobs(blobs_url, new_id=CountingIds(), is_http_allowed=True)
    await runner.cleanup()


@pytest.mark.parametrize(
    ("start", "size_bytes", "content"), [(0, 1, b"c"), (3, 2, b"te"), (5, 9, b"nt"), (7, 2, b"")]
)
async def test_stretches_of_a_strict_server_are_read_by_the_client(
    blobs: ObjectBlobs, strict_blobs: ObjectBlobs, start: int, size_bytes: int, content: bytes
) -> None:
    blob = await blobs.put(b"content")
    assert await strict_blobs.get(Extent(blob.id, start, size_bytes)) == content
    assert not strict_blobs.is_by_url


async def test_a_blob_that_a_strict_server_does_not_have_is_missing(
    strict_blobs: ObjectBlobs,
) -> None:
    with pytest.raises(BlobMissing):
        await strict_blobs.get(Extent("blob_none", 1, 2))


async def test_stretches_of_another_server_are_read_by_signed_urls(blobs: ObjectBlobs) -> None:
    blob = await blobs.put(b"content")
    await blobs.get(Extent(blob.id, 1, 2))
    assert blobs.is_by_url
