"""Images as data URIs: taken under the type of their bytes, or refused with what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from forebay.lanes.images import Images
from tests.lanes.image_host import (
    GIF,
    JPEG,
    LIMITS,
    LOOPBACK,
    PLACE,
    PNG,
    data_uri,
    image,
    refused,
    turn,
    urls,
)


@pytest.fixture
async def images() -> AsyncIterator[Images]:
    images = Images(LOOPBACK, limits=LIMITS)
    yield images
    await images.close()


@pytest.mark.parametrize(
    ("content", "media_type"), [(PNG, "image/png"), (JPEG[:-1], "image/jpeg"), (GIF, "image/gif")]
)
async def test_a_turn_with_good_data_uris_is_returned_itself(
    images: Images, content: bytes, media_type: str
) -> None:
    before = turn(image(data_uri(content, media_type)))
    assert await images.inlined(before) is before


@pytest.mark.parametrize("media_type", ["image/jpg", "image/png", "IMAGE/JPEG"])
async def test_the_media_type_of_a_data_uri_follows_its_bytes(
    images: Images, media_type: str
) -> None:
    inlined = await images.inlined(turn(image(data_uri(JPEG, media_type))))
    assert urls(inlined) == [data_uri(JPEG, "image/jpeg")]


async def test_a_long_data_uri_is_checked_to_its_end() -> None:
    images = Images(LOOPBACK)
    good = data_uri(PNG.ljust(2_000_000, b"\0"))
    before = turn(image(good))
    assert await images.inlined(before) is before
    begin = good.index(",") + 1
    step = 1024 * 1024
    padded_within = good[: begin + step - 2] + "==" + good[begin + step :]
    for bad in (good[:-9] + "*" + good[-8:], padded_within):
        error = await refused(images, image(bad))
        assert error.code == "invalid_base64_image"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("data:", "invalid_image_url"),
        ("data:text/html;base64,PGI+", "invalid_image_url"),
        ("data:image/png,abc", "invalid_image_url"),
        ("data:image/png;charset=utf-8;base64,AA==", "invalid_image_url"),
        ("data:image/png;base64,", "unsupported_image_media_type"),
        ("data:image/png;base64,AAAA", "unsupported_image_media_type"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "unsupported_image_media_type"),
        ("data:image/png;base64,A", "invalid_base64_image"),
        ("data:image/png;base64,AA*A", "invalid_base64_image"),
        ("data:image/png;base64,AAA\n", "invalid_base64_image"),
        ("data:image/png;base64,AA==AAAA", "invalid_base64_image"),
        ("data:image/png;base64,ÄÄÄÄ", "invalid_base64_image"),
        ("data:image/png;base64," + "A" * 300_000, "image_file_too_large"),
    ],
)
async def test_a_bad_data_uri_is_refused(images: Images, uri: str, code: str) -> None:
    error = await refused(images, image(uri))
    assert (error.code, error.param) == (code, PLACE)


async def test_a_data_uri_of_exactly_the_limit_is_taken(images: Images) -> None:
    largest = turn(image(data_uri(PNG.ljust(LIMITS.max_image_bytes, b"\0"))))
    assert await images.inlined(largest) is largest
    error = await refused(images, image(data_uri(PNG.ljust(LIMITS.max_image_bytes + 1, b"\0"))))
    assert error.code == "image_file_too_large"
