"""What a turn tells about its replica: failures in a row are counted, and trouble is reported."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from forebay.core.errors import EngineBusy, EngineFailed, EngineUnavailable, PromptRejected
from forebay.dialects.answer import Answer
from tests.lanes.house import House


async def turn(house: House) -> None:
    """Run a turn, whatever becomes of it."""
    accepted = house.admit()
    stream = house.turns.stream(accepted, Answer(), max_wait_s=1.0)
    async with aclosing(stream) as running:
        async for _ in running:
            pass


async def test_a_failed_turn_is_counted_and_reported(house: House) -> None:
    for count in (1, 2):
        house.engine.queue.append([EngineFailed("broke")])
        with pytest.raises(EngineFailed):
            await turn(house)
        assert house.replica.failures == count
    assert house.troubled == [house.replica] * 2
    assert house.replica.is_up


async def test_a_good_turn_ends_the_count_of_failures(house: House) -> None:
    house.replica.failures = 2
    await turn(house)
    assert house.replica.failures == 0
    assert house.troubled == []


@pytest.mark.parametrize(
    "error", [EngineBusy("full"), EngineUnavailable("gone"), PromptRejected("bad prompt")]
)
async def test_only_what_the_engine_did_wrong_is_counted(house: House, error: Exception) -> None:
    house.engine.queue.append([error])
    with pytest.raises(type(error)):
        await turn(house)
    assert house.replica.failures == 0
