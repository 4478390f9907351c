"""Looking names up: one thread for a name, whoever and how many want it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from forebay.lanes.name_lookup import NameLookup


class SlowNames:
    """A resolver that hangs until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = threading.Event()

    def __call__(self, host: str, family: int) -> list[tuple[int, str]]:
        self.asked.append(host)
        if host.startswith("hung"):
            self.may_answer.wait()
        return [(family, "8.8.8.8")]


async def test_all_who_want_a_name_at_a_time_share_one_look_up() -> None:
    names = SlowNames()
    look_up = NameLookup(names)
    waiting = [asyncio.create_task(look_up("hung.example", 0)) for _ in range(99)]
    assert await look_up("quick.example", 0) == [(0, "8.8.8.8")]
    waiting[0].cancel()
    names.may_answer.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    look_up.close()
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [[(0, "8.8.8.8")]] * 98
    assert names.asked.count("hung.example") == 1


async def test_nothing_is_remembered_after_a_look_up() -> None:
    names = SlowNames()
    look_up = NameLookup(names)
    for _ in range(2):
        await look_up("quick.example", 0)
    look_up.close()
    assert names.asked == ["quick.example", "quick.example"]


async def test_a_name_that_is_not_known_is_an_os_error() -> None:
    look_up = NameLookup()
    with pytest.raises(OSError):
        await look_up("nobody.invalid", 0)
    look_up.close()
