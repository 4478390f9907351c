"""The engine's gate: what is held is answered once the gate is opened, and all of it is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from bench.backlog import rate_of_tenth
from bench.gate import Gate, serve_gated_upstream


@asynccontextmanager
async def engine(gate: Gate) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the engine, and give a session that reaches it."""
    async with serve_gated_upstream(gate) as url, aiohttp.ClientSession(url) as session:
        yield session


async def ask(session: aiohttp.ClientSession) -> bytes:
    """Ask for one turn, and return its answer."""
    async with session.post("/v1/chat/completions", data=b"{}") as answer:
        return await answer.read()


async def test_an_open_gate_lets_the_engine_answer_at_once() -> None:
    gate = Gate()
    async with engine(gate) as session:
        assert b"[DONE]" in await ask(session)
    assert len(gate.asked_at) == len(gate.answered_at) == 1


async def test_a_shut_gate_holds_every_turn_until_it_is_opened() -> None:
    gate = Gate()
    gate.shut()
    async with engine(gate) as session:
        asking = [asyncio.create_task(ask(session)) for _ in range(3)]
        while len(gate.asked_at) < len(asking):
            await gate.next_asked()
        assert len(gate.answered_at) == 0
        opened_at = gate.open()
        answers = await asyncio.gather(*asking)
    assert all(b"[DONE]" in answer for answer in answers)
    assert all(at >= opened_at for at in gate.answered_at)


async def test_an_engine_behind_a_shut_gate_still_tells_its_models() -> None:
    gate = Gate()
    gate.shut()
    async with engine(gate) as session, session.get("/v1/models") as answer:
        assert answer.status == 200


async def test_who_left_while_held_is_not_answered() -> None:
    gate = Gate()
    gate.shut()
    async with engine(gate) as session:
        leaving = asyncio.create_task(ask(session))
        await gate.next_asked()
        leaving.cancel()
        await asyncio.wait([leaving])
        staying = asyncio.create_task(ask(session))
        await gate.next_asked()
        gate.open()
        await staying
    assert len(gate.answered_at) == 1


async def test_the_answers_can_be_waited_for() -> None:
    gate = Gate()
    async with engine(gate) as session:
        waiting = asyncio.create_task(gate.answered(2))
        await ask(session)
        assert not waiting.done()
        await ask(session)
        await waiting
        await gate.answered(1)


def test_the_first_tenth_begins_when_the_gate_is_opened() -> None:
    answered_at = [10.0 + number for number in range(1, 21)]
    assert rate_of_tenth(answered_at, 0, opened_at=10.0) == 1.0


def test_the_last_tenth_begins_with_the_answer_before_it() -> None:
    answered_at = [*(number / 10 for number in range(18)), 3.7, 5.7]
    assert rate_of_tenth(answered_at, 9, opened_at=0.0) == 0.5


def test_fewer_answers_than_tenths_have_no_rate() -> None:
    assert rate_of_tenth([1.0, 2.0], 0, opened_at=0.0) == 0.0
