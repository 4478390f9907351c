"""The running of lines: again while that may help, and whatever goes wrong is the line's result."""

from __future__ import annotations

import pytest

from forebay.core.batches import BatchStatus
from forebay.core.errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    PromptRejected,
)
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.retries import MAX_FAILURES
from tests.fakes import ScriptedEngine, says
from tests.lanes.batch.submitted import DAY_NANOS, ended, line, loops, results, submit
from tests.lanes.house import House


@pytest.mark.parametrize(
    "error",
    [
        EngineBusy("full"),
        EngineUnavailable("gone"),
        EngineFailed("broke"),
    ],
)
async def test_a_line_runs_again_while_that_may_help(house: House, error: Exception) -> None:
    house.engine.queue += [[[Delta(text="half")], error], [error], says("done")]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert house.pauses_s == [1.0, 2.0]
    assert (await house.charges())[1] == DAY_NANOS


async def test_a_replica_that_cannot_be_reached_leaves_its_lines_to_another(house: House) -> None:
    house.engine.queue.append([EngineUnreachable("no route")])
    other = ScriptedEngine()
    house.add_replica(other, slots=1)
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert len(other.turns) == 1


async def test_a_line_that_breaks_the_engine_each_time_is_given_up(house: House) -> None:
    house.engine.by_prompt["poison"] = [EngineFailed("broke")]
    batch_id = await submit(house, line("poison"), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert house.engine.prompts.count("poison") == MAX_FAILURES
    assert (batch.status, batch.completed_count, batch.failed_count) == (
        BatchStatus.COMPLETED,
        1,
        1,
    )
    (result,) = (await results(house, batch.error_file_id)).values()
    assert result["response"]["status_code"] == 502


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({}, PromptRejected("bad prompt")),
        ({"n": 0}, None),
        ({"temperature": "hot"}, None),
    ],
)
async def test_a_line_that_can_never_succeed_is_an_error_line(
    house: House, others: JsonObject, error: Exception | None
) -> None:
    if error is not None:
        house.engine.by_prompt["bad"] = [error]
    batch_id = await submit(house, line("bad", **others), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert (result["custom_id"], result["response"]["status_code"]) == ("bad", 400)
    assert set(await results(house, batch.output_file_id)) == {"fine"}
    assert (await house.charges())[1] == DAY_NANOS


async def test_a_line_that_breaks_us_does_not_take_its_segment_with_it(house: House) -> None:
    house.engine.by_prompt["bug"] = [RuntimeError("a bug")]
    batch_id = await submit(house, line("bug"), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert (result["custom_id"], result["response"]["status_code"]) == ("bug", 500)
