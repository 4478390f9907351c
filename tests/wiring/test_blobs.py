"""The place of blobs: whether it may be reached without TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.settings import Settings
from forebay.wiring.blobs import BlobsUnusable, open_blobs, try_blobs
from tests.fakes import CountingIds
from tests.s3_server import S3Server


async def tried(folder: Path, s3_server: S3Server, endpoint: str) -> None:
    """Try a place at that endpoint, which is a name for the test server or leads nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        settings = Settings(data_dir=str(folder), blobs_url=s3_server.place())
        blobs = open_blobs(settings, CountingIds(), is_shared=False)
        await try_blobs(settings, blobs)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_on_this_machine_it_may(tmp_path: Path, s3_server: S3Server, host: str) -> None:
    endpoint = s3_server.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", host)
    await tried(tmp_path, s3_server, endpoint)


async def test_elsewhere_it_may_not(tmp_path: Path, s3_server: S3Server) -> None:
    # The same server, by an address that is not the loopback one.
    endpoint = s3_server.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "0.0.0.0")
    with pytest.raises(BlobsUnusable):
        await tried(tmp_path, s3_server, endpoint)


async def test_elsewhere_it_may_when_the_operator_says_so(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    endpoint = s3_server.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "0.0.0.0")
    await tried(tmp_path, s3_server, endpoint)
