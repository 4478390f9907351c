"""Where blobs are kept: the folder in the data directory, or the object store of `blobs_url`."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from forebay.core.errors import ForebayError
from forebay.core.ids import NewId
from forebay.settings import Settings
from forebay.store.blobs import Blobs, BlobsFailed, OwnedBlobs
from forebay.store.database import StoreFailed
from forebay.store.local_blobs import LocalBlobs
from forebay.wiring.data_directory import BLOBS_FOLDER

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class BlobsUnusable(ForebayError):
    """Nothing can be kept at `blobs_url`."""

    code = "blobs_unusable"

    def __init__(self, url: str | None, error: StoreFailed) -> None:
        reason = error.detail if isinstance(error, BlobsFailed) else str(error)
        super().__init__(
            f"{url} cannot be used for blobs: {reason}; the bucket has to be there already, and "
            "its keys and endpoint come from the environment (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, or its vendor's like)"
        )


def open_blobs(settings: Settings, new_id: NewId, *, is_shared: bool) -> OwnedBlobs:
    """Open the place of blobs, which `is_shared` when any other process has it open, too.

    Nothing is asked of an object store yet. Raises `BlobsUnusable`.
    """
    url = settings.blobs_url
    if url is None:
        return LocalBlobs(settings.folder / BLOBS_FOLDER, new_id=new_id, is_shared=is_shared)
    # Imported only here: who plans batches is a new process each time, and mostly needs no client.
    from forebay.store.object_blobs import ObjectBlobs

    try:
        return ObjectBlobs(url, new_id=new_id, is_http_allowed=_is_http_allowed())
    except StoreFailed as error:
        raise BlobsUnusable(url, error) from None


async def try_blobs(settings: Settings, blobs: Blobs) -> None:
    """Find out whether blobs can be kept there; raises `BlobsUnusable`."""
    try:
        await blobs.probe()
    except StoreFailed as error:
        raise BlobsUnusable(settings.blobs_url, error) from None


def _is_http_allowed() -> bool:
    """Tell whether TLS may be missing: by the client's own variable, or on this machine."""
    if os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes"):
        return True
    url = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
