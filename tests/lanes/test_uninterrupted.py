"""Writes that a cancellation must not cut in half: it waits for their end."""

from __future__ import annotations

import asyncio

import pytest

from forebay.lanes.uninterrupted import uninterrupted
from tests.fakes import Gate, looped


async def passing(gate: Gate, ended: list[str]) -> str:
    """Wait at the gate, then note the end."""
    await gate.pass_through()
    ended.append("work")
    return "result"


async def failing(gate: Gate) -> None:
    """Wait at the gate, then fail."""
    await gate.pass_through()
    raise ValueError("broke")


async def test_the_result_is_that_of_the_work() -> None:
    gate = Gate()
    gate.open()
    assert await uninterrupted(passing(gate, [])) == "result"


async def test_an_error_of_the_work_is_raised() -> None:
    gate = Gate()
    gate.open()
    with pytest.raises(ValueError, match="broke"):
        await uninterrupted(failing(gate))


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancellation_waits_for_the_end_however_often_it_comes(times: int) -> None:
    gate = Gate()
    ended: list[str] = []
    task = asyncio.create_task(uninterrupted(passing(gate, ended)))
    await gate.reached.wait()
    for _ in range(times):
        task.cancel()
        await looped()
        assert not task.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["work"]


async def test_a_cancellation_wins_over_an_error_of_the_work() -> None:
    gate = Gate()
    task = asyncio.create_task(uninterrupted(failing(gate)))
    await gate.reached.wait()
    task.cancel()
    await looped()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
