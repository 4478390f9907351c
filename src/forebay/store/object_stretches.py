"""Stretches of objects.

Some servers of the S3 protocol, `rclone serve s3` among them, send the stretch that was asked for
but call it the whole object. The client refuses that, so from such a server stretches are had by
signed URLs, and by what it says about the content (`Content-Range`).
"""

from __future__ import annotations

import logging
from datetime import timedelta

import aiohttp
import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store
from yarl import URL

from forebay.store.database import StoreFailed
from forebay.store.object_requests import CONNECT_S, REQUEST_S, ObjectMissing, asked, failure

log = logging.getLogger(__name__)

SIGNED_S = 300
TIMEOUT = aiohttp.ClientTimeout(total=REQUEST_S, sock_connect=CONNECT_S)
CALLED_WHOLE = "non-partial response"
PAST_THE_END = "status code: 416"


class _CalledWhole(Exception):
    """The server does not say that what it sent is a stretch."""


class Stretches:
    """Reads stretches in the way that the store's answers allow."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self.is_by_url = False

    async def get(self, key: str, start: int, size_bytes: int) -> bytes:
        """Return so many bytes from there on, fewer or none where the object ends before.

        Raises `ObjectMissing` or `StoreFailed`.
        """
        if not self.is_by_url:
            try:
                return await self._by_client(key, start, size_bytes)
            except _CalledWhole:
                self.is_by_url = True
                log.info("stretches are read by signed URLs")
        return await self._by_url(key, start, size_bytes)

    async def _by_client(self, key: str, start: int, size_bytes: int) -> bytes:
        reading = obstore.get_range_async(self._objects, key, start=start, length=size_bytes)
        try:
            return bytes(await reading)
        except GenericError as error:
            if CALLED_WHOLE in str(error):
                raise _CalledWhole from None
            if PAST_THE_END in str(error):
                return b""
            raise failure(error) from None
        except (BaseError, OSError, ValueError) as error:
            raise failure(error) from None

    async def _by_url(self, key: str, start: int, size_bytes: int) -> bytes:
        if not isinstance(self._objects, S3Store | GCSStore | AzureStore):
            raise StoreFailed("the object store cannot read stretches")
        life = timedelta(seconds=SIGNED_S)
        url = URL(await asked(obstore.sign_async(self._objects, "GET", key, life)), encoded=True)
        wanted = {"range": f"bytes={start}-{start + size_bytes - 1}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as session,
                session.get(url, headers=wanted) as answer,
            ):
                return await _stretch(answer, start)
        except (aiohttp.ClientError, OSError) as error:
            # Not its text: that may hold the signed URL.
            raise failure(OSError(type(error).__name__)) from None


async def _stretch(answer: aiohttp.ClientResponse, start: int) -> bytes:
    if answer.status == 404:
        raise ObjectMissing("the object store does not have it", "status 404")
    if answer.status == 416:
        return b""
    if answer.status not in (200, 206):
        raise StoreFailed(f"the object store did not do it: status {answer.status}")
    if not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise StoreFailed("the object store did not send the stretch that was asked for")
    return await answer.read()
