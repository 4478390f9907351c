"""An open loop asks on while answers are missing, and counts every one of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.calls import Call, chat
from bench.gate import Gate, serve_gated_upstream
from bench.open_load import Pace, PacedCalls, Stretch, paced_calls
from bench.upstream import UpstreamConnection, serve_upstream

PER_S = 2000.0


class Telling(UpstreamConnection):
    """Tells when it is asked for anything."""

    def __init__(self, asked: asyncio.Event) -> None:
        self._asked = asked

    def answer(self, route: bytes, body: bytes) -> None:
        self._asked.set()
        super().answer(route, body)


@asynccontextmanager
async def calling(url: str, call: Call | None = None) -> AsyncIterator[PacedCalls]:
    """Call at a quick pace."""
    pace = Pace(url=url, keys=["key"], call=call or chat(is_streamed=False), per_s=PER_S)
    async with paced_calls(pace) as calls:
        yield calls


async def test_every_call_is_answered_or_an_error() -> None:
    gate = Gate()
    async with serve_gated_upstream(gate) as url, calling(url) as calls:
        await gate.answered(20)
    assert calls.errors == 0
    assert calls.answers == len(gate.asked_at) >= 20


async def test_calls_are_made_while_none_is_answered_and_their_wait_counts() -> None:
    gate = Gate()
    gate.shut()
    async with serve_gated_upstream(gate) as url, calling(url) as calls:
        while len(gate.asked_at) < 64:  # each of its connections
            await gate.next_asked()
        opened_at = gate.open()
        await gate.answered(65)
    first, *_ = sorted(zip(calls.sent_at, calls.latency_s, strict=True))
    assert sum(first) >= opened_at
    assert calls.errors == 0


async def test_any_other_status_is_an_error() -> None:
    asked = asyncio.Event()
    nowhere = Call(path="/nowhere", body={})
    async with serve_upstream(lambda: Telling(asked)) as url, calling(url, nowhere) as calls:
        await asked.wait()
    assert calls.answers == 0
    assert calls.first_error is not None
    assert "404 Not Found" in calls.first_error


def test_latencies_are_those_of_the_calls_made_in_the_stretch() -> None:
    calls = PacedCalls(sent_at=[1.0, 2.0, 3.0], latency_s=[0.3, 0.2, 0.1])
    assert calls.latencies_s(Stretch(1.0, 3.0)) == [0.2, 0.3]
