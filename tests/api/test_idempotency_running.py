"""Idempotency keys of calls that run, failed or wait in the background: one of each at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.dialects.turn import Delta
from tests.api.conftest import MODEL, Front
from tests.api.idempotent_calls import HI, once, spent
from tests.api.test_responses import ended
from tests.fakes import Gate, ManualClock, ScriptedEngine, Step, says

MESSAGE: Any = {"model": MODEL, "max_tokens": 9, "messages": HI}


async def test_a_call_that_runs_is_told_to_come_again(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("done")])
    create = front.openai.responses.create
    first = asyncio.ensure_future(create(model=MODEL, input="hi", extra_headers=once()))
    await gate.reached.wait()
    with pytest.raises(openai.ConflictError) as refused:
        await create(model=MODEL, input="hi", extra_headers=once())
    assert refused.value.response.headers["x-should-retry"] == "true"
    assert refused.value.response.headers["retry-after"] == "1"
    with pytest.raises(openai.BadRequestError) as spent_key:
        await create(model=MODEL, input="ho", extra_headers=once())
    assert spent(spent_key)
    gate.open()
    made = await first
    assert await create(model=MODEL, input="hi", extra_headers=once()) == made


async def test_a_running_message_is_told_to_come_again_in_anthropics_words(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("done")])
    create = front.anthropic.messages.create
    first = asyncio.ensure_future(create(**MESSAGE, extra_headers=once()))
    await gate.reached.wait()
    with pytest.raises(anthropic.ConflictError) as refused:
        await create(**MESSAGE, extra_headers=once())
    assert refused.value.response.headers["x-should-retry"] == "true"
    assert refused.value.response.json()["error"]["type"] == "conflict_error"
    gate.open()
    await first


async def test_of_many_at_the_same_instant_exactly_one_runs(
    front: Front, engine: ScriptedEngine
) -> None:
    body = {"model": MODEL, "input": "hi"}
    answers = await asyncio.gather(
        *[front.http.post("/v1/responses", json=body, headers=once()) for _ in range(8)]
    )
    assert len(engine.turns) == 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1


async def test_a_refused_call_leaves_its_key_free(front: Front) -> None:
    create = front.openai.responses.create
    with pytest.raises(openai.BadRequestError):
        await create(model=MODEL, input="hi", previous_response_id="none", extra_headers=once())
    assert await create(model=MODEL, input="hi", extra_headers=once())


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_call_that_the_engine_failed_runs_again(
    front: Front, engine: ScriptedEngine, is_streamed: bool
) -> None:
    engine.queue.append([EngineFailed("no")])
    body = {"model": MODEL, "input": "hi", "stream": is_streamed}
    failed = await front.http.post("/v1/responses", json=body, headers=once())
    assert failed.status_code == 502
    again = await front.http.post("/v1/responses", json=body, headers=once())
    assert again.status_code == 200
    assert len(engine.turns) == 2


async def test_a_stream_that_broke_runs_again(front: Front, engine: ScriptedEngine) -> None:
    broken: list[Step] = [[Delta(text="a")], EngineFailed("no")]
    engine.queue.append(broken)
    body = {"model": MODEL, "input": "hi", "stream": True}
    answers = [
        (await front.http.post("/v1/responses", json=body, headers=once())).text for _ in range(2)
    ]
    assert "response.failed" in answers[0]
    assert "response.completed" in answers[1]


async def test_a_call_whose_caller_left_runs_again(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([[Delta(text="a")], Gate()])
    body = {"model": MODEL, "input": "hi", "stream": True}
    async with front.http.stream("POST", "/v1/responses", json=body, headers=once()) as left:
        async for _ in left.aiter_bytes():
            break
    again = await front.http.post("/v1/responses", json=body, headers=once())
    assert "response.completed" in again.text
    assert len(engine.turns) == 2


async def test_a_call_of_a_server_that_died_runs_again(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("late")])
    body = {"model": MODEL, "input": "hi"}
    late = asyncio.ensure_future(front.http.post("/v1/responses", json=body, headers=once()))
    await gate.reached.wait()
    clock.move(61)  # nobody renews its lease
    again = await front.http.post("/v1/responses", json=body, headers=once())
    assert again.status_code == 200
    gate.open()
    assert (await late).json()["error"]["code"] == "lease_lost"
    shown = await front.http.post("/v1/responses", json=body, headers=once())
    assert shown.content == again.content


async def test_a_background_response_is_submitted_once(
    front: Front, engine: ScriptedEngine
) -> None:
    create = front.openai.responses.create
    made = await asyncio.gather(
        *[create(model=MODEL, input="hi", background=True, extra_headers=once()) for _ in range(5)]
    )
    assert len({response.id for response in made}) == 1
    await ended(front, made[0].id)
    again = await create(model=MODEL, input="hi", background=True, extra_headers=once())
    assert again.output_text == "Hello."
    assert len(engine.turns) == 1


async def test_a_background_stream_is_joined_from_its_start(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([[Delta(text="Hel")], gate, *says("lo.")])

    async def join() -> list[Any]:
        stream = await front.openai.responses.create(
            model=MODEL, input="hi", background=True, stream=True, extra_headers=once()
        )
        return [event async for event in stream]

    readers = [asyncio.ensure_future(join()) for _ in range(2)]
    await gate.reached.wait()
    gate.open()
    heard = [await reader for reader in readers]
    assert heard[0] == heard[1] == await join()
    assert heard[0][-1].response.output_text == "Hello."
    assert len(engine.turns) == 1


async def test_a_background_stream_outlasts_its_caller(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("done")])
    stream = await front.openai.responses.create(
        model=MODEL, input="hi", background=True, stream=True
    )
    first = await anext(aiter(stream))
    await gate.reached.wait()
    await stream.close()
    gate.open()
    assert (await ended(front, first.response.id)).output_text == "done"  # type: ignore[union-attr]
