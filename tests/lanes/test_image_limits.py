"""What images by URL may cost: time, bytes and sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from forebay.core.errors import InvalidParameter
from forebay.lanes.images import MAX_AT_ONCE_A_TURN, ImageLimits, Images
from tests.lanes.image_host import (
    LIMITS,
    LOOPBACK,
    PLACE,
    PNG,
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


async def test_downloads_of_a_turn_run_together_up_to_a_limit(images: Images, host: Host) -> None:
    host.may_answer.clear()
    many = [image(host.gives(f"/{number}", PNG)) for number in range(MAX_AT_ONCE_A_TURN + 4)]
    running = asyncio.create_task(images.inlined(turn(*many)))
    await host.is_full.wait()
    # By the time that this has come and gone, any other would have come too.
    async with aiohttp.ClientSession() as other, other.get(host.url("/ping")):
        host.may_answer.set()
    assert urls(await running) == [data_uri(PNG)] * len(many)
    assert host.most_in_flight == MAX_AT_ONCE_A_TURN


async def test_one_failure_ends_the_other_downloads(images: Images, host: Host) -> None:
    error = await refused(
        images, image(host.url("/endless")), image(host.gives("/gone", b"", status=404))
    )
    assert error.param in (PLACE, "messages[0].content[1].image_url")
    await host.was_hung_up_on.wait()


async def test_a_host_that_does_not_answer_is_not_waited_for(host: Host) -> None:
    host.may_answer.clear()
    images = Images(LOOPBACK, limits=ImageLimits(fetch_s=0.02))
    error = await refused(images, image(host.gives("/a", PNG)))
    assert "did not come in time" in str(error)
    assert error.code == "failed_to_download_image"
    await images.close()


async def test_a_host_that_sends_for_ever_is_not_waited_for(host: Host) -> None:
    images = Images(
        LOOPBACK,
        limits=ImageLimits(max_image_bytes=10**12, max_fetched_bytes=10**12, fetch_s=0.05),
    )
    error = await refused(images, image(host.url("/endless")))
    assert "did not come in time" in str(error)
    await host.was_hung_up_on.wait()
    await images.close()


async def test_an_image_without_a_length_is_cut_off_at_the_limit(
    images: Images, host: Host
) -> None:
    error = await refused(images, image(host.url("/endless")))
    assert str(error) == f"The image at '{PLACE}' is larger than 200000 bytes."
    assert error.code == "image_file_too_large"
    await host.was_hung_up_on.wait()


async def test_an_image_of_exactly_the_limit_is_taken(images: Images, host: Host) -> None:
    largest = PNG.ljust(LIMITS.max_image_bytes, b"\0")
    assert urls(await images.inlined(turn(image(host.gives("/a", largest))))) == [data_uri(largest)]
    error = await refused(images, image(host.gives("/b", largest + b"\0")))
    assert error.code == "image_file_too_large"


async def test_what_a_turn_has_fetched_is_limited_in_all(images: Images, host: Host) -> None:
    large = PNG.ljust(LIMITS.max_image_bytes, b"\0")
    three = [image(host.gives(f"/{number}", large)) for number in range(3)]
    error = await refused(images, *three)
    assert "and those with it are larger than 500000 bytes" in str(error)


async def test_an_image_that_is_shown_again_counts_again(images: Images, host: Host) -> None:
    url = host.gives("/a", PNG.ljust(LIMITS.max_image_bytes, b"\0"))
    await images.inlined(turn(*[image(url)] * 2))
    error = await refused(images, *[image(url)] * 3)
    assert error.code == "image_file_too_large"


async def test_there_is_a_limit_to_a_turns_images(host: Host) -> None:
    images = Images(LOOPBACK, limits=ImageLimits(max_images=2))
    with pytest.raises(InvalidParameter, match="3 images; at most 2") as caught:
        await images.inlined(turn(*[image(host.gives("/a", PNG))] * 3))
    assert caught.value.param == "messages[0].content[2].image_url"
    assert host.asked == []
