"""Images by URL: fetched under the guard, told by their bytes, and given on as data URIs."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator

import pytest

from forebay.dialects.turn import JsonObject, Turn
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.images import Images
from tests.lanes.image_host import (
    GIF,
    JPEG,
    LIMITS,
    LOOPBACK,
    PLACE,
    PNG,
    WEBP,
    Host,
    data_uri,
    image,
    refused,
    serving,
    turn,
    urls,
)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with serving() as host:
        yield host


@pytest.fixture
async def images() -> AsyncIterator[Images]:
    images = Images(LOOPBACK, limits=LIMITS)
    yield images
    await images.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Images]:
    """What may call public addresses only."""
    images = Images(AddressGuard(()), limits=LIMITS)
    yield images
    await images.close()


async def test_a_url_becomes_a_data_uri(images: Images, host: Host) -> None:
    inlined = await images.inlined(turn(image(host.gives("/a", PNG))))
    assert urls(inlined) == [data_uri(PNG)]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp"), (GIF, "image/gif")],
)
async def test_the_media_type_is_what_the_bytes_say(
    images: Images, host: Host, content: bytes, media_type: str
) -> None:
    inlined = await images.inlined(turn(image(host.gives("/a", content))))
    assert urls(inlined) == [data_uri(content, media_type)]


async def test_an_image_of_many_chunks_stays_whole(images: Images, host: Host) -> None:
    large = PNG + bytes(index % 251 for index in range(199_000))
    inlined = await images.inlined(turn(image(host.gives("/a", large))))
    assert urls(inlined) == [data_uri(large)]


async def test_what_stands_beside_the_url_is_kept(images: Images, host: Host) -> None:
    text: JsonObject = {"type": "text", "text": "what is this?"}
    part = image(host.gives("/a", PNG), detail="low") | {"cache_control": {"type": "ephemeral"}}
    inlined = await images.inlined(turn(text, part))
    shown = {"url": data_uri(PNG), "detail": "low"}
    assert inlined.messages == [
        {"role": "user", "content": [text, part | {"image_url": shown}]},
    ]


async def test_the_turn_itself_is_left_as_it_was(images: Images, host: Host) -> None:
    url = host.gives("/a", PNG)
    before = turn(image(url))
    await images.inlined(before)
    assert urls(before) == [url]


async def test_images_in_every_message_are_fetched(images: Images, host: Host) -> None:
    first = turn(image(host.gives("/a", PNG))).messages
    second: JsonObject = {"role": "tool", "content": [image(host.gives("/b", GIF))]}
    before = Turn(model="tiny", messages=[*first, second])
    after = await images.inlined(before)
    assert after.messages[0]["content"] == [image(data_uri(PNG))]
    assert after.messages[1]["content"] == [image(data_uri(GIF, "image/gif"))]


async def test_a_url_that_is_shown_twice_is_fetched_once(images: Images, host: Host) -> None:
    url = host.gives("/a", PNG)
    inlined = await images.inlined(turn(image(url), image(url, detail="high")))
    assert host.asked == ["/a"]
    assert urls(inlined) == [data_uri(PNG)] * 2


async def test_a_query_is_sent_as_it_was_written(images: Images, host: Host) -> None:
    host.gives("/a", PNG)
    await images.inlined(turn(image(host.url("/a?sig=%27%2B%2f~&x=%7E"))))
    assert host.asked == ["/a?sig=%27%2B%2f~&x=%7E"]


async def test_the_host_gets_no_more_than_it_must(images: Images, host: Host) -> None:
    await images.inlined(turn(image(host.gives("/a", PNG))))
    (headers,) = host.headers
    assert set(headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"}
    assert headers["Accept-Encoding"] == "identity"


async def test_a_redirect_is_not_followed(images: Images, host: Host) -> None:
    host.gives("/elsewhere", PNG)
    error = await refused(images, image(host.gives("/a", PNG, status=302)))
    assert "redirect" in str(error)
    assert (error.code, error.param) == ("failed_to_download_image", PLACE)
    assert host.asked == ["/a"]


@pytest.mark.parametrize("status", [204, 401, 404, 500])
async def test_a_status_other_than_200_is_told_and_no_body(
    images: Images, host: Host, status: int
) -> None:
    body = b"" if status == 204 else b"the secret word"
    error = await refused(images, image(host.gives("/a", body, status=status)))
    assert str(error) == f"The image at '{PLACE}' was answered with the status {status}."
    assert error.code == "failed_to_download_image"


async def test_a_host_that_hangs_up_is_an_error_of_the_image(images: Images) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await refused(images, image(f"http://127.0.0.1:{port}/"))
    assert "could not be fetched" in str(error)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "content", [b"<svg/>", b"<html>not found</html>", b"", PNG[:7], b"RIFF\0\0\0\0WAVE", b"BM" * 9]
)
async def test_what_is_no_image_is_refused_whatever_its_header_says(
    images: Images, host: Host, content: bytes
) -> None:
    error = await refused(images, image(host.gives("/a", content)))
    assert str(error) == f"The image at '{PLACE}' is not a PNG, JPEG, WebP or GIF."
    assert error.code == "unsupported_image_media_type"


async def test_what_comes_packed_is_not_unpacked(images: Images, host: Host) -> None:
    error = await refused(images, image(host.gives("/a", gzip.compress(PNG))))
    assert error.code == "unsupported_image_media_type"


async def test_a_short_image_is_taken(images: Images, host: Host) -> None:
    inlined = await images.inlined(turn(image(host.gives("/a", PNG[:8]))))
    assert urls(inlined) == [data_uri(PNG[:8])]


async def test_an_address_that_is_not_allowed_is_not_called(guarded: Images, host: Host) -> None:
    error = await refused(guarded, image(host.gives("/a", PNG)))
    assert error.code == "invalid_image_url"
    assert error.param == PLACE
    assert host.asked == []


async def test_a_name_that_resolves_to_loopback_is_refused_and_the_address_not_told(
    guarded: Images, host: Host
) -> None:
    host.gives("/a", PNG)
    error = await refused(guarded, image(host.url("/a", host="localhost")))
    assert error.code == "invalid_image_url"
    assert "127" not in str(error)
    assert "::1" not in str(error)
    assert host.asked == []


@pytest.mark.parametrize("name", ["2130706433", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_other_ways_to_write_loopback_are_refused_too(
    guarded: Images, host: Host, name: str
) -> None:
    host.gives("/a", PNG)
    await refused(guarded, image(host.url("/a", host=name)))
    assert host.asked == []


async def test_a_name_that_nobody_knows_is_told(images: Images) -> None:
    # Longer than a name can be, so that no name server is asked.
    error = await refused(images, image(f"http://{'a.' * 150}test/"))
    assert "is on a host that is not known" in str(error)
    assert error.code == "failed_to_download_image"


async def test_nothing_is_fetched_for_a_turn_with_a_bad_part(images: Images, host: Host) -> None:
    await refused(images, image(host.gives("/a", PNG)), image("file:///etc/passwd"))
    assert host.asked == []


async def test_a_url_is_neither_logged_nor_told(
    images: Images, host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="forebay")
    caplog.set_level(logging.DEBUG, logger="aiohttp.client")
    host.gives("/a", b"", status=403)
    error = await refused(images, image(host.url("/a?token=hidden")))
    told = str(error), str(error.__cause__), caplog.text
    assert host.asked == ["/a?token=hidden"]
    assert not any("hidden" in text for text in told)


async def test_a_session_is_opened_once_and_closed(host: Host) -> None:
    images = Images(LOOPBACK)
    await images.inlined(turn(image(host.gives("/a", PNG))))
    await images.inlined(turn(image(host.gives("/b", PNG))))
    await images.close()
    with pytest.raises(RuntimeError, match="closed"):
        await images.inlined(turn(image(host.url("/a"))))
