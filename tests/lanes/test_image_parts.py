"""The parts of a turn: none of them may leave an engine with a URL to fetch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from forebay.core.errors import RequestRejected
from forebay.dialects.turn import JsonObject, Turn
from forebay.lanes.images import Images
from tests.lanes.image_host import LIMITS, LOOPBACK, PLACE, PNG, data_uri, image, refused, turn


@pytest.fixture
async def images() -> AsyncIterator[Images]:
    images = Images(LOOPBACK, limits=LIMITS)
    yield images
    await images.close()


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url"}, "image_url"),
        ({"type": "image_url", "image_url": "http://127.0.0.1/"}, "image_url"),
        (image(None), "image_url.url"),
        (image(5), "image_url.url"),
        ({"image_url": {"url": "http://127.0.0.1/"}}, "type"),
        ({"type": "input_image", "image_url": "http://127.0.0.1/"}, "image_url"),
        ({"type": "video_url", "video_url": {"url": "http://127.0.0.1/"}}, "type"),
        ({"type": "audio_url", "audio_url": {"url": "http://127.0.0.1/"}}, "type"),
        ({"type": "image", "image": "http://127.0.0.1/"}, "type"),
        ({"type": ["image_url"]}, "type"),
        # As vLLM reads it: the kind does not count, because there is a uuid.
        ({"type": "text", "text": "", "uuid": "a", "image_url": "http://127.0.0.1/"}, "image_url"),
        (image(data_uri(PNG)) | {"uuid": "a", "video_url": "http://127.0.0.1/"}, "video_url"),
    ],
)
async def test_no_other_way_to_name_a_url_reaches_an_engine(
    images: Images, part: JsonObject, param: str
) -> None:
    with pytest.raises(RequestRejected) as caught:
        await images.inlined(turn(part))
    assert caught.value.param == f"messages[0].content[0].{param}"


@pytest.mark.parametrize(
    "content",
    ["look at http://127.0.0.1/", None, [{"type": "text", "text": "http://127.0.0.1/"}]],
)
async def test_a_turn_without_images_is_returned_itself(images: Images, content: object) -> None:
    before = Turn(model="tiny", messages=[{"role": "user", "content": content}])
    assert await images.inlined(before) is before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cat.png",
        "/etc/passwd.png",
        "file:///etc/passwd",
        "ftp://example.com/cat.png",
        "javascript:alert(1)",
        "https:///cat.png",
        " http://127.0.0.1/",
        "http://127.0.0.1/a\r\nHost:x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1/" + "a" * 8192,
    ],
)
async def test_a_url_of_another_kind_is_refused(images: Images, url: str) -> None:
    error = await refused(images, image(url))
    assert "must be given by an http or https URL, or a data URI" in str(error)
    assert (error.code, error.param) == ("invalid_image_url", PLACE)
