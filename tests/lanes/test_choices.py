"""Several choices of one call: each asked for alone, together in realtime, counted once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import Overloaded
from forebay.core.money import Usage
from forebay.dialects.answer import Answer
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import Turn
from forebay.lanes.admission import Accepted
from forebay.lanes.billing import usage_of
from forebay.lanes.turns import Turns
from tests.fakes import Gate, ScriptedEngine, says
from tests.lanes.house import CALLER, House


def three_choices(house: House) -> Accepted:
    body: dict[str, object] = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hi"}],
        "n": 3,
        "seed": 5,
    }
    return house.admission.admit(DialectName.CHAT, body, CALLER)


async def run(
    house: House, answer: Answer, *, turns: Turns | None = None, max_wait_s: float = 1.0
) -> None:
    stream = (turns or house.turns).stream(three_choices(house), answer, max_wait_s=max_wait_s)
    async with aclosing(stream) as running:
        async for _ in running:
            pass


async def test_every_choice_is_a_turn_of_its_own(house: House, engine: ScriptedEngine) -> None:
    engine.queue.extend([says("a"), says("b"), says("c")])
    answer = Answer()
    await run(house, answer)
    assert sorted(choice.text for choice in answer.choices) == ["a", "b", "c"]
    asked = [turn for turn in engine.turns if isinstance(turn, Turn)]
    assert sorted(int(str(turn.sampling["seed"])) for turn in asked) == [5, 6, 7]
    assert [turn.choices for turn in asked] == [1, 1, 1]


async def test_choices_never_take_more_than_the_replicas_slots(
    house: House, engine: ScriptedEngine
) -> None:
    gates = [Gate(), Gate()]
    engine.queue.extend([[gate, *says("a")] for gate in gates])
    running = asyncio.create_task(run(house, Answer()))
    for gate in gates:
        await gate.reached.wait()
    assert len(engine.turns) == house.replica.in_flight == 2
    for gate in gates:
        gate.open()
    await running
    assert len(engine.turns) == 3
    assert house.replica.in_flight == 0


async def test_later_choices_wait_for_slots_when_the_first_has_one(house: House) -> None:
    house.replica.slots = 1
    answer = Answer()
    await run(house, answer, max_wait_s=0.0)
    assert [choice.text for choice in answer.choices] == ["Hello."] * 3


async def test_later_choices_do_not_wait_for_ever(house: House, engine: ScriptedEngine) -> None:
    house.replica.slots = 1
    engine.queue.append([Gate()])
    impatient = Turns(
        house.dispatcher,
        images=house.images,
        on_trouble=house.troubled.append,
        later_choice_wait_s=0.01,
    )
    with pytest.raises(Overloaded):
        await run(house, Answer(), turns=impatient, max_wait_s=0.0)
    assert engine.in_flight == house.replica.in_flight == 0


async def test_a_prompt_is_counted_once_and_every_answer(house: House) -> None:
    answer = Answer()
    await run(house, answer)
    usage = usage_of(three_choices(house).turn, answer)
    assert usage == Usage(input_tokens=10, cached_tokens=4, output_tokens=6)


async def test_one_choice_that_fails_ends_the_others(house: House, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.extend([[gate], [EngineFailed("broke")]])
    with pytest.raises(EngineFailed):
        await run(house, Answer())
    assert engine.in_flight == house.replica.in_flight == 0


async def test_who_leaves_ends_every_choice(house: House, engine: ScriptedEngine) -> None:
    engine.queue.extend([[*says("a")[:1], Gate()], [Gate()]])
    stream = house.turns.stream(three_choices(house), Answer(), max_wait_s=1.0)
    await anext(stream)
    await stream.aclose()
    assert engine.in_flight == house.replica.in_flight == 0
    assert len(engine.cancelled) == 2


async def test_a_held_slot_runs_the_choices_one_after_the_other(
    house: House, engine: ScriptedEngine
) -> None:
    engine.queue.extend([says("a"), says("b"), says("c")])
    accepted, answer = three_choices(house), Answer()
    slot = await house.dispatcher.acquire(
        house.served.pool, band_rank=0, deadline_at=accepted.deadline_at
    )
    async with aclosing(house.turns.run(slot, accepted, answer)) as running:
        async for _ in running:
            pass
    assert [choice.text for choice in answer.choices] == ["a", "b", "c"]
    assert engine.most_in_flight == 1
