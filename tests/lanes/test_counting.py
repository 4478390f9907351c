"""Which prompt is counted, by which replica, and what that costs."""

from __future__ import annotations

import asyncio
import base64

import pytest

from forebay.core.engine_errors import EngineFailed, EngineUnavailable, EngineUnreachable
from forebay.core.errors import Overloaded, PromptRejected
from forebay.core.models import ToolCalling
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.counting import Counting
from tests.fakes import USAGE, Gate, ScriptedEngine, says
from tests.lanes.house import CALLER, House

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
HI: JsonObject = {"model": "tiny", "input": "hi"}
TOOL: JsonObject = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.fixture
def counting(house: House) -> Counting:
    """The use case, over the house's rooms."""
    return Counting(
        house.admission,
        house.contexts,
        house.dispatcher,
        images=house.images,
        reject_after_s=0.01,
        on_trouble=house.troubled.append,
    )


async def count(counting: Counting, body: JsonObject = HI) -> int:
    return await counting.tokens(DialectName.RESPONSES, CALLER, body, header_window=None)


async def test_counting_takes_no_slot_and_costs_nothing(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    house.replica.in_flight = house.replica.slots
    assert await count(counting) == 10
    assert engine.turns == []
    assert await house.charges() == (0, 0)


async def test_an_engine_that_cannot_count_runs_one_token_on_a_slot(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.tokens = None
    engine.queue.append([gate, [Delta(text="x", finish_reason="length")], [Delta(usage=USAGE)]])
    told: JsonObject = {"text": {"format": {"type": "json_object"}}, "max_output_tokens": 900}
    counted = asyncio.create_task(count(counting, HI | told))
    await gate.reached.wait()
    assert house.replica.in_flight == 1
    gate.open()
    assert await counted == USAGE.input_tokens
    assert (house.replica.in_flight, await house.charges()) == (0, (0, 0))
    (turn,) = engine.turns
    assert (turn.max_output_tokens, turn.response_format) == (1, None)


async def test_a_count_that_takes_a_slot_is_refused_when_none_is_free(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    engine.tokens = None
    house.replica.in_flight = house.replica.slots
    with pytest.raises(Overloaded):
        await count(counting)
    assert engine.turns == []


async def test_an_engine_that_tells_no_usage_has_failed(
    counting: Counting, engine: ScriptedEngine
) -> None:
    engine.tokens = None
    engine.queue.append(says("x", usage=None))
    with pytest.raises(EngineFailed, match="did not say"):
        await count(counting)


async def test_the_least_busy_replica_that_is_well_counts(house: House, counting: Counting) -> None:
    idle, down = ScriptedEngine(), ScriptedEngine()
    house.replica.in_flight = 1
    house.add_replica(idle)
    house.dispatcher.mark_down(house.add_replica(down), error="it is gone")
    await count(counting)
    assert (len(idle.counted), down.counted) == (1, [])


async def test_a_replica_that_cannot_be_reached_is_passed_over(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    engine.tokens = EngineUnreachable("no connection")
    other = ScriptedEngine()
    other.tokens = 7
    house.add_replica(other)
    assert await count(counting) == 7
    assert house.troubled == [house.replica]


async def test_without_a_replica_that_is_well_nothing_is_counted(
    house: House, counting: Counting
) -> None:
    house.dispatcher.mark_down(house.replica, error="it is gone")
    with pytest.raises(EngineUnavailable, match="no engine serves 'tiny'"):
        await count(counting)


async def test_an_engine_that_fails_is_not_passed_over(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    engine.tokens = EngineFailed("it is broken")
    house.add_replica(ScriptedEngine())
    house.replica.in_flight = -1  # so that it is asked first
    with pytest.raises(EngineFailed):
        await count(counting)


async def test_tools_are_counted_as_they_would_be_sent(
    house: House, counting: Counting, engine: ScriptedEngine
) -> None:
    served = house.serve("forced", tool_calling=ToolCalling.FORCED)
    house.add_replica(engine, served=served)
    body: JsonObject = {"model": "forced", "input": "hi", "tools": [TOOL]}
    await count(counting, body)
    accepted = house.admission.admit(DialectName.RESPONSES, body | {"store": False}, CALLER)
    engine.queue.append([PromptRejected("that is enough to see it")])
    with pytest.raises(PromptRejected):
        await house.realtime().answer(accepted)
    assert engine.counted[0].tools == []
    assert engine.counted == engine.turns


async def test_images_are_counted_as_they_would_be_sent(
    counting: Counting, engine: ScriptedEngine
) -> None:
    image = {"type": "input_image", "image_url": PNG, "detail": "low"}
    await count(counting, {**HI, "input": [{"role": "user", "content": [image]}]})
    (turn,) = engine.counted
    assert turn.has_images
