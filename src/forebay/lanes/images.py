"""Images by URL: fetched here, under the address guard, and given to engines as data URIs.

No engine ever fetches a caller's URL: it would do so from inside the operator's network. What goes
wrong is the caller's to mend; no URL is logged, because its query may hold a secret.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from yarl import URL

from forebay.core.errors import NotPermitted
from forebay.dialects.turn import Turn
from forebay.lanes.address_guard import AddressGuard, GuardedResolver
from forebay.lanes.image_errors import ImageNotFetched, ImageTooLarge, InvalidImage
from forebay.lanes.image_parts import ImagePart, image_parts, with_urls
from forebay.lanes.image_text import ImageText, checked_data_uri, is_data_uri, too_large

MAX_AT_ONCE = 64  # in the house, so that turns cannot use up its sockets
MAX_AT_ONCE_A_TURN = 8
MAX_URL_CHARS = 8192
CHUNK_BYTES = 64 * 1024

_HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp, image/gif",
    # Nothing is unpacked, so a small answer stays small.
    "Accept-Encoding": "identity",
    "User-Agent": "Forebay",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What a turn's images may cost. `max_fetched_bytes` is for what one turn has us fetch.

    An image that is shown twice counts twice there: the engine is sent it twice.
    """

    max_images: int = 64
    max_image_bytes: int = 20 * 1024 * 1024
    max_fetched_bytes: int = 50 * 1024 * 1024
    fetch_s: float = 10.0


@dataclass(slots=True)
class _Errand:
    """What a turn's downloads share: how many run together, and how many bytes they may bring."""

    room: asyncio.Semaphore
    bytes_left: int


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL to fetch once: the first place that shows it, and how many places do."""

    url: URL
    place: str
    places: int


class Images:
    """Fetches and checks the images of turns. Its session is opened by the first download."""

    def __init__(self, guard: AddressGuard, *, limits: ImageLimits | None = None) -> None:
        self._guard = guard
        self._limits = limits or ImageLimits()
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def inlined(self, turn: Turn) -> Turn:
        """Return the turn with every image as a data URI that holds an image.

        A turn that is so already is returned itself. Raises `RequestRejected`, above all
        `InvalidImage`, which name the message's part.
        """
        parts = image_parts(turn, max_images=self._limits.max_images)
        if not parts:
            return turn
        places: dict[str, list[ImagePart]] = {}
        for part in parts:
            places.setdefault(part.url, []).append(part)
        urls: dict[str, str] = {}
        targets: dict[str, _Target] = {}
        for url, shown in places.items():
            place = shown[0].place
            if is_data_uri(url):
                urls[url] = await checked_data_uri(
                    url, place=place, max_bytes=self._limits.max_image_bytes
                )
            else:
                targets[url] = _Target(self._checked(url, place=place), place, len(shown))
        if targets:
            urls |= await self._fetched(targets)
        if all(old is new for old, new in urls.items()):
            return turn
        return with_urls(turn, parts, urls)

    async def close(self) -> None:
        """Close the session; downloads under way fail."""
        if self._session is not None:
            await self._session.close()

    def _checked(self, text: str, *, place: str) -> URL:
        """Return the URL that may be called, or whose host's name is still to be resolved."""
        url = _parsed(text)
        if url is None:
            raise InvalidImage(place, "must be given by an http or https URL, or a data URI")
        try:
            self._guard.check_host(url.raw_host or "")
        except NotPermitted:
            raise _forbidden(place) from None
        return url

    async def _fetched(self, targets: dict[str, _Target]) -> dict[str, str]:
        """Fetch together; the first failure ends the others."""
        errand = _Errand(asyncio.Semaphore(MAX_AT_ONCE_A_TURN), self._limits.max_fetched_bytes)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    url: group.create_task(self._fetch(target, errand))
                    for url, target in targets.items()
                }
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {url: task.result() for url, task in tasks.items()}

    async def _fetch(self, target: _Target, errand: _Errand) -> str:
        """Return the image as a data URI; the wait for room is no part of its time."""
        place = target.place
        async with errand.room, self._room:
            try:
                async with asyncio.timeout(self._limits.fetch_s):
                    return await self._read(target, errand)
            except NotPermitted:
                raise _forbidden(place) from None
            except TimeoutError:
                raise ImageNotFetched(place, "did not come in time") from None
            except aiohttp.ClientConnectorDNSError:
                raise ImageNotFetched(place, "is on a host that is not known") from None
            except (aiohttp.ClientError, OSError, ValueError):
                raise ImageNotFetched(place, "could not be fetched") from None

    async def _read(self, target: _Target, errand: _Errand) -> str:
        place, max_bytes = target.place, self._limits.max_image_bytes
        text = ImageText(place)
        size_bytes = 0
        async with self._open().get(
            target.url, headers=_HEADERS, allow_redirects=False
        ) as response:
            if 300 <= response.status < 400:
                raise ImageNotFetched(place, "is behind a redirect, which is not followed")
            if response.status != 200:
                raise ImageNotFetched(place, f"was answered with the status {response.status}")
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > max_bytes:
                    raise too_large(place, max_bytes)
                errand.bytes_left -= len(chunk) * target.places
                if errand.bytes_left < 0:
                    total = f"{self._limits.max_fetched_bytes} bytes"
                    raise ImageTooLarge(place, f"and those with it are larger than {total}")
                text.add(chunk)
        return text.end()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, which belongs to the loop that asks for it first."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=GuardedResolver(self._guard),
                    use_dns_cache=False,
                    force_close=True,
                    limit=0,  # `_room` is the limit, and waiting there costs no download its time
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # `_fetch` has one for the whole
                auto_decompress=False,
                trust_env=False,  # a proxy would resolve names past the guard
            )
        return self._session


def _parsed(text: str) -> URL | None:
    # Control characters and blanks would be dropped or escaped by whoever calls the URL.
    if len(text) > MAX_URL_CHARS or not text.isprintable() or " " in text:
        return None
    try:
        # As it was written: a signed URL that is encoded anew has another signature.
        url = URL(text, encoded=text.isascii())
        is_callable = url.scheme in ("http", "https") and url.port != 0
        return url if is_callable and url.raw_host else None
    except ValueError:
        return None


def _forbidden(place: str) -> InvalidImage:
    # The address is not told: it may be what an inner name server said.
    return InvalidImage(place, "is at an address from which nothing is fetched here")
