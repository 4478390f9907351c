"""An engine that is asked for a few embeddings at a time."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.core.money import Usage
from forebay.dialects.answer import Answer
from forebay.dialects.turn import AnyTurn, Delta, EmbeddingTurn, Turn
from forebay.engines.portioned import PortionedEngine
from tests.fakes import Gate, ScriptedEngine, Step

ASKED = ["a", "b", "c", "d", "e"]
PORTIONS = [["a", "b"], ["c", "d"], ["e"]]


def embeds(*numbers: float, tokens: int) -> list[Step]:
    vectors = tuple([number] for number in numbers)
    return [[Delta(embeddings=vectors, usage=Usage(input_tokens=tokens))]]


@pytest.fixture
def engine() -> ScriptedEngine:
    """An engine with an answer for each portion."""
    engine = ScriptedEngine()
    engine.queue.extend([embeds(1, 2, tokens=7), embeds(3, 4, tokens=8), embeds(5, tokens=4)])
    return engine


async def run(engine: ScriptedEngine, turn: AnyTurn) -> Answer:
    answer = Answer()
    async with aclosing(PortionedEngine(engine, max_inputs=2).stream(turn, model="m")) as running:
        async for deltas in running:
            for delta in deltas:
                answer.add(delta)
    return answer


async def test_many_inputs_are_asked_for_in_portions_one_after_the_other(
    engine: ScriptedEngine,
) -> None:
    turn = EmbeddingTurn(model="x", inputs=ASKED, dimensions=1, extra={"a": 1})

    answer = await run(engine, turn)

    assert [asked.inputs for asked in engine.turns] == PORTIONS
    assert {(asked.dimensions, asked.extra["a"]) for asked in engine.turns} == {(1, 1)}
    assert engine.most_in_flight == 1
    assert answer.embeddings == [[1], [2], [3], [4], [5]]


async def test_the_usage_is_that_of_all_portions(engine: ScriptedEngine) -> None:
    answer = await run(engine, EmbeddingTurn(model="x", inputs=ASKED))
    assert answer.usage == Usage(input_tokens=19)


async def test_tokens_are_inputs_like_texts(engine: ScriptedEngine) -> None:
    await run(engine, EmbeddingTurn(model="x", inputs=[[1, 2, 3], [4], [5]]))
    assert [asked.inputs for asked in engine.turns] == [[[1, 2, 3], [4]], [[5]]]


async def test_few_inputs_are_asked_for_as_they_are(engine: ScriptedEngine) -> None:
    turn = EmbeddingTurn(model="x", inputs=["a", "b"])
    answer = await run(engine, turn)
    assert (engine.turns, answer.usage) == ([turn], Usage(input_tokens=7))


async def test_a_caller_that_leaves_is_spared_the_rest(engine: ScriptedEngine) -> None:
    engine.queue.clear()
    engine.queue.extend([embeds(1, 2, tokens=7), [Gate()]])
    portioned = PortionedEngine(engine, max_inputs=2)
    async with aclosing(
        portioned.stream(EmbeddingTurn(model="x", inputs=ASKED), model="m")
    ) as running:
        await anext(running)
    assert [asked.inputs for asked in engine.turns] == PORTIONS[:1]


async def test_what_breaks_a_portion_breaks_the_turn(engine: ScriptedEngine) -> None:
    engine.queue[1] = [EngineUnavailable("gone")]
    with pytest.raises(EngineUnavailable):
        await run(engine, EmbeddingTurn(model="x", inputs=ASKED))
    assert len(engine.turns) == 2


async def test_all_else_is_the_engines_own(engine: ScriptedEngine) -> None:
    engine.queue.clear()
    turn = Turn(model="x", messages=[{"role": "user", "content": "hi"}])
    portioned = PortionedEngine(engine, max_inputs=2)
    assert (await run(engine, turn)).text == "Hello."
    assert await portioned.models() == ["tiny"]
    assert await portioned.count(turn, model="m") == engine.tokens
    await portioned.close()
    assert engine.is_closed
