"""The stall limit: it is about silence alone, so that a turn may last for hours.

The time of these loops is moved by hand, with the true limits, and both ends of the connection
live on the one that is moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.engines.http import HttpEngineOptions
from tests.engines.http_clients import engine_at, text_of
from tests.engines.scripted_server import CHUNKED, FRAMES, LAST_CHUNK, Visit, chunk

STALL_S = HttpEngineOptions(url="http://127.0.0.1:9/v1").stall_s
HOUR_S = 3600.0
WORD = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
PROGRESS = b": still reading\n\n"


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved on."""

    def __init__(self) -> None:
        self.skipped_s = 0.0
        super().__init__()

    def time(self) -> float:
        """Return the true time and all that was skipped."""
        return super().time() + self.skipped_s


def on_skipping_loop(
    story: Callable[[SkippingLoop], Coroutine[None, None, None]],
) -> Callable[[], None]:
    """Make a story that moves its loop's time into a test."""

    def run() -> None:
        loop = SkippingLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(story(loop))

    run.__name__, run.__doc__ = story.__name__, story.__doc__
    return run


async def settle() -> None:
    """Let what was sent arrive: a few rounds of the loop over the loopback."""
    for _ in range(50):
        await asyncio.sleep(0)


async def write_on(visit: Visit, loop: SkippingLoop, piece: bytes, *, pause_s: float) -> int:
    """Say the piece after every pause until hours have gone by; returns how many times."""
    begun_at_s, times = loop.time(), 0
    while loop.time() < begun_at_s + 3 * HOUR_S:
        loop.skipped_s += pause_s
        await settle()
        visit.say(chunk(piece))
        await settle()
        times += 1
    return times


@on_skipping_loop
async def test_a_turn_may_last_for_hours_while_its_tokens_flow(loop: SkippingLoop) -> None:
    said = 0

    async def script(visit: Visit) -> None:
        nonlocal said
        await visit.request()
        visit.say(CHUNKED)
        said = await write_on(visit, loop, WORD, pause_s=0.9 * STALL_S)
        visit.say(b"".join(map(chunk, FRAMES[3:])) + LAST_CHUNK)

    async with engine_at(script) as (engine, _):
        text = await text_of(engine)
    assert text == "a" * said
    assert said * 0.9 * STALL_S >= 3 * HOUR_S


@on_skipping_loop
async def test_a_prompt_may_be_read_for_hours_while_the_engine_tells_of_it(
    loop: SkippingLoop,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED)
        await write_on(visit, loop, PROGRESS, pause_s=0.9 * STALL_S)
        visit.say(b"".join(map(chunk, FRAMES)) + LAST_CHUNK)

    async with engine_at(script) as (engine, _):
        assert await text_of(engine) == "Hello ☀"


@on_skipping_loop
async def test_a_prompt_may_be_read_in_silence_almost_up_to_the_limit(loop: SkippingLoop) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        loop.skipped_s += 0.99 * STALL_S
        await settle()
        visit.say(CHUNKED + b"".join(map(chunk, FRAMES)) + LAST_CHUNK)

    async with engine_at(script) as (engine, _):
        assert await text_of(engine) == "Hello ☀"


@on_skipping_loop
async def test_silence_beyond_the_limit_ends_a_turn_however_long_it_has_lasted(
    loop: SkippingLoop,
) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        visit.say(CHUNKED)
        await write_on(visit, loop, WORD, pause_s=0.9 * STALL_S)
        loop.skipped_s += 1.01 * STALL_S
        await visit.client_closed()

    async with engine_at(script) as (engine, _):
        with pytest.raises(EngineUnavailable, match="silent for too long"):
            await text_of(engine)
