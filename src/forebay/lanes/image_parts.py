"""The parts of a turn that show images, found so that no engine is left with a URL to fetch.

Engines take more ways to name a URL than the vendors document: other kinds of part, a bare string,
a key beside the one that the kind is about. What is not known to be harmless is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
)
from forebay.dialects.turn import JsonObject, Turn

# Kinds that hold text, names, or base64 that is decoded and never taken for an address.
_HARMLESS = frozenset(
    {
        "text",
        "input_text",
        "output_text",
        "refusal",
        "thinking",
        "tool_reference",
        "input_audio",
    }
)


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image of a turn: where it stands, and the URL that it is given by."""

    message: int
    part: int
    url: str

    @property
    def place(self) -> str:
        """The parameter's name."""
        return _place(self.message, self.part) + ".image_url"


def image_parts(turn: Turn, *, max_images: int) -> list[ImagePart]:
    """Return the turn's images, in order; raises `RequestRejected` for what may hide a URL."""
    found: list[ImagePart] = []
    for index, message in enumerate(turn.messages):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for number, part in enumerate(content):
            url = _url(part, at=(index, number))
            if url is not None:
                found.append(ImagePart(index, number, url))
    if len(found) > max_images:
        raise InvalidParameter(
            f"There are {len(found)} images; at most {max_images} are supported.",
            param=found[max_images].place,
        )
    return found


def with_urls(turn: Turn, parts: list[ImagePart], urls: Mapping[str, str]) -> Turn:
    """Return the turn with the images' URLs replaced; nothing of the old one is changed."""
    messages = list(turn.messages)
    for image in parts:
        message = messages[image.message]
        content = message["content"]
        assert isinstance(content, list)
        part = content[image.part]
        shown = {**part["image_url"], "url": urls[image.url]}
        content = list(content)
        content[image.part] = {**part, "image_url": shown}
        messages[image.message] = {**message, "content": content}
    return msgspec.structs.replace(turn, messages=messages)


def _url(part: object, *, at: tuple[int, int]) -> str | None:
    """Return the URL of an image; None for a part that is none."""
    if not isinstance(part, dict):
        raise InvalidType(
            f"Invalid type for '{_place(*at)}': expected an object.", param=_place(*at)
        )
    kind = part.get("type")
    if kind is None:
        raise MissingParameter(f"{_place(*at)}.type")
    # vLLM goes by the keys, not by the kind, when a 'uuid' stands beside them.
    for key in part:
        if key.endswith("_url") and key != kind:
            raise UnsupportedParameter(f"{_place(*at)}.{key}", f"it is no key of a '{kind}' part")
    if kind == "image_url":
        return _image_url(part, at=at)
    if not isinstance(kind, str) or kind not in _HARMLESS:
        raise UnsupportedParameter(
            f"{_place(*at)}.type", f"parts of type '{kind}' are not supported here"
        )
    return None


def _image_url(part: JsonObject, *, at: tuple[int, int]) -> str:
    place = _place(*at) + ".image_url"
    shown = part.get("image_url")
    if shown is None:
        raise MissingParameter(place)
    if not isinstance(shown, dict):
        raise InvalidType(f"Invalid type for '{place}': expected an object.", param=place)
    url = shown.get("url")
    if url is None:
        raise MissingParameter(f"{place}.url")
    if not isinstance(url, str):
        raise InvalidType(
            f"Invalid type for '{place}.url': expected a string.", param=f"{place}.url"
        )
    return url


def _place(message: int, part: int) -> str:
    return f"messages[{message}].content[{part}]"
