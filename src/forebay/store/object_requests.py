"""Requests to an object store: how it is reached, how long one may take, and how one fails.

What went wrong is told by its first line, without addresses' passwords and without what the store
answered, except its code.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from forebay.store.blobs import BlobsFailed

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

T = TypeVar("T")

log = logging.getLogger(__name__)

CONNECT_S = 5
REQUEST_S = 60  # of a few megabytes
RETRIES = 3
RETRY_S = 30  # no try begins later than this

_CODE = re.compile(r"<Code>(\w+)</Code>")
_USER = re.compile(r"//[^/@\s]*@")


class ObjectMissing(BlobsFailed):
    """There is no such object, or no such bucket."""


def open_objects(url: str, *, is_http_allowed: bool) -> ObjectStore:
    """Return the store at a URL; keys and endpoints come from its vendor's usual variables.

    Nothing is asked of it yet. Raises `BlobsFailed` for a URL or variables that cannot be.
    """
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "timeout": timedelta(seconds=REQUEST_S),
    }
    if is_http_allowed:
        client["allow_http"] = True
    retries: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)}
    try:
        return from_url(url, client_options=client, retry_config=retries)
    except (BaseError, ValueError) as error:
        raise failure(error) from None


async def asked(request: Awaitable[T]) -> T:
    """Return the answer to a request; raises `ObjectMissing` or `BlobsFailed`."""
    try:
        return await request
    except (BaseError, OSError, ValueError) as error:
        raise failure(error) from None


def failure(error: Exception) -> BlobsFailed:
    """Return what a request failed with as an error of ours; where the store is, is only logged."""
    text = str(error)
    code = _CODE.search(text)
    named = f" ({code[1]})" if code else ""
    detail = _USER.sub("//", text.partition("\n")[0].partition("<")[0].rstrip(": ")) + named
    if isinstance(error, FileNotFoundError):
        return ObjectMissing(f"the object store does not have it{named}", detail)
    log.warning("the object store failed", extra={"reason": detail})
    return BlobsFailed(f"the object store did not do it{named}", detail)
