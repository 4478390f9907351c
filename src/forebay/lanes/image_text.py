"""Images as text: data URIs, made of bytes as they come, or checked as a caller wrote them.

An image is what its first bytes say it is, whatever a header or a caller calls it.
"""

from __future__ import annotations

import asyncio
import binascii
import re

from forebay.lanes.image_errors import (
    BadImageText,
    ImageTooLarge,
    InvalidImage,
    NotAnImage,
)

DATA = "data:"

_HEADER = re.compile(r"data:image/[a-z0-9.+-]{1,64};base64,", re.IGNORECASE)
_MAGIC_BYTES = 12  # as many as tell every type
_STEP_CHARS = 1024 * 1024  # decoded before the event loop gets its turn; a multiple of four


class ImageText:
    """The data URI of an image whose bytes come piece by piece."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._media_type: str | None = None
        self._pieces: list[bytes] = []
        self._rest = b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes; raises `NotAnImage` as soon as that is known."""
        held = self._rest + piece
        if self._media_type is None and len(held) >= _MAGIC_BYTES:
            self._media_type = _media_type(held, place=self._place)
        # Base64 makes four characters of three bytes: what is left over waits for the next piece.
        whole = len(held) - len(held) % 3 if self._media_type is not None else 0
        self._pieces.append(binascii.b2a_base64(held[:whole], newline=False))
        self._rest = held[whole:]

    def end(self) -> str:
        """Return the data URI; raises `NotAnImage`."""
        media_type = self._media_type or _media_type(self._rest, place=self._place)
        self._pieces.append(binascii.b2a_base64(self._rest, newline=False))
        return f"{DATA}{media_type};base64," + b"".join(self._pieces).decode("ascii")


def is_data_uri(url: str) -> bool:
    """Tell a data URI from other URLs."""
    return url[: len(DATA)].lower() == DATA


async def checked_data_uri(uri: str, *, place: str, max_bytes: int) -> str:
    """Return the data URI under the media type of its bytes; raises `InvalidImage`.

    Long ones are decoded in steps, because the event loop stands still meanwhile.
    """
    header = _HEADER.match(uri)
    if header is None:
        raise InvalidImage(place, "is a data URI that does not begin 'data:image/...;base64,'")
    begin = header.end()
    if (len(uri) - begin) // 4 * 3 - uri[-2:].count("=") > max_bytes:
        raise too_large(place, max_bytes)
    media_type = ""
    for at in range(begin, max(len(uri), begin + 1), _STEP_CHARS):
        text = uri[at : at + _STEP_CHARS]
        image = _decoded(text, is_last=at + _STEP_CHARS >= len(uri), place=place)
        media_type = media_type or _media_type(image, place=place)
        if len(text) == _STEP_CHARS:
            await asyncio.sleep(0)
    right = f"{DATA}{media_type};base64,"
    return uri if uri.startswith(right) else right + uri[begin:]


def too_large(place: str, max_bytes: int) -> ImageTooLarge:
    """Return the error of an image that has more than `max_bytes`."""
    return ImageTooLarge(place, f"is larger than {max_bytes} bytes")


def _decoded(text: str, *, is_last: bool, place: str) -> bytes:
    try:
        image = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise BadImageText(place, "is not valid base64") from None
    # Padding is taken at the end of each step, and may stand at the end of the last one only.
    if not is_last and len(image) != _STEP_CHARS // 4 * 3:
        raise BadImageText(place, "is not valid base64")
    return image


def _media_type(image: bytes, *, place: str) -> str:
    """Return the media type that an image's first bytes tell."""
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if image.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if image.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if image.startswith(b"RIFF") and image[8:_MAGIC_BYTES] == b"WEBP":
        return "image/webp"
    raise NotAnImage(place, "is not a PNG, JPEG, WebP or GIF")
