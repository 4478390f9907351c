"""The running of lines: again while that may help, and whatever goes wrong is the line's result."""

from __future__ import annotations

import pytest

from forebay.core.batches import BatchApi, BatchStatus
from forebay.core.engine_errors import (
    EngineBusy,
    EngineFailed,
    EngineUnavailable,
    EngineUnreachable,
    GatewayFailed,
)
from forebay.core.errors import PromptRejected
from forebay.dialects.turn import Delta, JsonObject
from forebay.lanes.retries import MAX_FAILURES
from tests.fakes import ScriptedEngine, says, until
from tests.lanes.batch.begun import begin, chat
from tests.lanes.batch.ledgers import Ledgers
from tests.lanes.batch.submitted import DAY_NANOS, ended, line, loops, results, submit
from tests.lanes.house import House

STRICT: JsonObject = {
    "type": "json_schema",
    "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}},
}


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


async def test_later_attempts_are_retries_and_what_they_repeat_is_waste(
    house: House, ledgers: Ledgers
) -> None:
    broken = EngineUnavailable("broke off")
    house.engine.queue += [
        [[Delta(text="one"), Delta(text="two")], broken],
        [broken],  # without any output: nothing was spent on it
        says("done"),
    ]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert (batch.completed_count, batch.retry_count) == (1, 2)
    (waste,) = await ledgers.entries("waste")
    _, subject_id, input_tokens, output_tokens, cost_nanos = waste
    assert subject_id.endswith("/waste")
    assert output_tokens == 2
    assert (input_tokens, output_tokens, cost_nanos) == (
        batch.waste_input_tokens,
        batch.waste_output_tokens,
        batch.waste_nanos,
    )
    assert batch.waste_nanos > 0
    (charge,) = await ledgers.entries("charge")
    assert charge[2:] == (batch.input_tokens, batch.output_tokens, batch.cost_nanos)


async def test_a_line_that_is_given_up_is_all_waste(house: House, ledgers: Ledgers) -> None:
    house.engine.by_prompt["poison"] = [[Delta(text="half")], EngineFailed("broke")]
    batch_id = await submit(house, line("poison"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert (batch.engine_failed_count, batch.retry_count) == (1, MAX_FAILURES - 1)
    (entry,) = await ledgers.entries()
    assert (entry[0], entry[3]) == ("waste", MAX_FAILURES)
    assert batch.cost_nanos == 0


async def test_a_replica_that_cannot_be_reached_leaves_its_lines_to_another(house: House) -> None:
    house.engine.queue.append([EngineUnreachable("no route")])
    other = ScriptedEngine()
    house.add_replica(other, slots=1)
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert len(other.turns) == 1


@pytest.mark.parametrize("kind", [EngineBusy, GatewayFailed])
async def test_an_engine_that_names_its_pause_is_not_asked_sooner(
    house: House, kind: type[EngineBusy]
) -> None:
    house.engine.queue += [[kind("not now", retry_after_s=120.0)], says("done")]
    batch_id = await submit(house, line("a"))
    async with loops(house):
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert house.pauses_s == [120.0]


async def test_an_outage_counts_for_no_attempt_however_long_it_is(house: House) -> None:
    busy = EngineBusy("full")
    house.engine.by_prompt["a"] = [busy]
    batch_id = await submit(house, line("a"))

    async def has_tried_often() -> bool:
        return len(house.pauses_s) > 3 * MAX_FAILURES

    async with loops(house):
        await until(has_tried_often)
        house.engine.by_prompt["a"] = says("at last")
        batch = await ended(house, batch_id)
    assert batch.completed_count == 1
    assert batch.retry_count > 3 * MAX_FAILURES


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
    assert (batch.refused_count, batch.retry_count) == (1, 0)
    assert (await house.charges())[1] == DAY_NANOS


async def test_a_line_that_breaks_us_does_not_take_its_segment_with_it(house: House) -> None:
    house.engine.by_prompt["bug"] = [RuntimeError("a bug")]
    batch_id = await submit(house, line("bug"), line("fine"))
    async with loops(house):
        batch = await ended(house, batch_id)
    (result,) = (await results(house, batch.error_file_id)).values()
    assert (result["custom_id"], result["response"]["status_code"]) == ("bug", 500)


async def test_an_answer_without_the_form_that_was_asked_for_is_output_and_charged(
    house: House,
) -> None:
    house.engine.by_prompt = {"good": says("{}"), "bad": says("no JSON")}
    lines = [line(name, response_format=STRICT) for name in ("good", "bad")]
    batch_id = await submit(house, *lines)
    async with loops(house):
        batch = await ended(house, batch_id)
    assert (batch.completed_count, batch.schema_failed_count) == (2, 1)
    assert batch.error_file_id is None
    assert set(await results(house, batch.output_file_id)) == {"good", "bad"}
    assert batch.cost_nanos == 2 * DAY_NANOS
    (chunk,) = await house.store.segments.chunks(batch_id, kind="output")
    assert len(chunk.failed_numbers) == 1 and set(chunk.failed_numbers) < set(chunk.numbers)


async def test_a_line_that_pauses_leaves_its_slot_to_the_next(house: House) -> None:
    house.replica.slots = 1
    house.engine.by_prompt["again"] = [EngineFailed("broke")]
    begun = await begin(house, chat("again"), chat("b"), chat("c"))
    async with loops(house):
        batch = await ended(house, begun.id)
    # It comes in the order anew, behind whoever waits already.
    assert house.engine.prompts[:2] == ["again", "b"]
    assert house.engine.prompts[2:4] in (["c", "again"], ["again", "c"])
    assert house.engine.prompts.count("again") == MAX_FAILURES
    assert (batch.completed_count, batch.failed_count) == (2, 1)


async def test_lines_of_a_message_batch_have_the_form_of_their_api(house: House) -> None:
    house.engine.by_prompt["bad"] = [PromptRejected("bad prompt")]
    lines = [chat(name, max_tokens=9) for name in ("good", "bad")]
    begun = await begin(
        house, *lines, api=BatchApi.MESSAGE_BATCHES, endpoint="/v1/messages", total_count=2
    )
    async with loops(house):
        batch = await ended(house, begun.id)
    (good,) = (await results(house, batch.output_file_id)).values()
    assert good["result"]["type"] == "succeeded"
    assert good["result"]["message"]["usage"]["service_tier"] == "batch"
    (bad,) = (await results(house, batch.error_file_id)).values()
    error = bad["result"]["error"]
    assert (bad["result"]["type"], error["type"]) == ("errored", "error")
    assert error["error"]["type"] == "invalid_request_error"
    assert error["request_id"].startswith("req_")
