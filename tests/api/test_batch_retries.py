"""What failed in a batch, run again as a new one."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types import Batch

from forebay.core.errors import PromptRejected
from tests.api.conftest import Front
from tests.api.idempotent_calls import once
from tests.api.test_batch_desk import held_up, own
from tests.api.test_batches import ended, line, results, submit
from tests.fakes import ManualClock, ScriptedEngine, says


async def retry(front: Front, batch_id: str, **options: Any) -> Batch:
    """Run what failed in a batch again, and return the new one."""
    path = f"/batches/{batch_id}/retry"
    batch: Batch = await front.openai.post(path, cast_to=Batch, **options)
    return batch


async def half_failed(front: Front, engine: ScriptedEngine, **others: Any) -> Batch:
    """Return a batch that has ended, of which "b" and "d" failed."""
    engine.by_prompt = {name: [PromptRejected("not today")] for name in ("b", "d")}
    batch = await submit(front, *[line(name, name) for name in "abcd"], **others)
    done = await ended(front, batch)
    engine.by_prompt = {name: says(f"{name} at last") for name in "abcd"}
    return done


async def test_only_what_failed_runs_again(front: Front, engine: ScriptedEngine) -> None:
    first = await half_failed(front, engine, metadata={"job": "nightly"})
    engine.turns.clear()
    again = await retry(front, first.id)
    assert (again.status, again.metadata) == ("validating", {"job": "nightly"})
    assert again.id != first.id
    assert again.input_file_id == first.input_file_id
    assert own(again)["retry_of"] == first.id
    done = await ended(front, again)
    assert done.status == "completed"
    assert done.error_file_id is None
    assert sorted(engine.prompts) == ["b", "d"]
    found = await results(front, done.output_file_id)
    texts = {
        name: result["response"]["body"]["choices"][0]["message"]["content"]
        for name, result in found.items()
    }
    assert texts == {"b": "b at last", "d": "d at last"}
    assert done.request_counts is not None
    assert done.request_counts.total == 2


async def test_the_input_file_may_be_gone(front: Front, engine: ScriptedEngine) -> None:
    first = await half_failed(front, engine)
    await front.openai.files.delete(first.input_file_id)
    done = await ended(front, await retry(front, first.id))
    assert (done.status, set(await results(front, done.output_file_id))) == (
        "completed",
        {"b", "d"},
    )


async def test_what_fails_again_may_be_tried_once_more(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await half_failed(front, engine)
    engine.by_prompt["d"] = [PromptRejected("still not")]
    second = await ended(front, await retry(front, first.id))
    engine.by_prompt["d"] = says("d at last")
    third = await ended(front, await retry(front, second.id))
    assert set(await results(front, third.output_file_id)) == {"d"}
    assert own(third)["retry_of"] == second.id


async def test_another_window_and_other_metadata_may_be_named(
    front: Front, engine: ScriptedEngine
) -> None:
    first = await half_failed(front, engine, metadata={"job": "nightly"})
    again = await retry(
        front, first.id, body={"completion_window": "standard", "metadata": {"try": "2"}}
    )
    assert (again.completion_window, again.metadata) == ("standard", {"try": "2"})
    for unknown in ("asap", ""):
        with pytest.raises(openai.BadRequestError) as refused:
            await retry(front, first.id, body={"completion_window": unknown})
        assert refused.value.param == "completion_window"


async def test_a_key_makes_one_retry(front: Front, engine: ScriptedEngine) -> None:
    first = await half_failed(front, engine)
    made = [await retry(front, first.id, options={"headers": once()}) for _ in range(2)]
    assert made[0].id == made[1].id
    with pytest.raises(openai.BadRequestError, match="another body"):
        body = {"metadata": {"a": "b"}}
        await retry(front, first.id, body=body, options={"headers": once()})
    assert len((await front.openai.batches.list()).data) == 2


async def test_what_a_cancelled_batch_has_not_run_runs_then(
    front: Front, engine: ScriptedEngine
) -> None:
    batch, _ = await held_up(front, engine, "a")
    await front.openai.batches.cancel(batch.id)
    await ended(front, batch)
    engine.by_prompt["slow"] = says("at last")
    done = await ended(front, await retry(front, batch.id))
    assert set(await results(front, done.output_file_id)) == {"slow"}


async def test_a_batch_that_runs_is_not_run_again(front: Front, engine: ScriptedEngine) -> None:
    batch, _ = await held_up(front, engine, "a")
    answer = await front.http.post(f"/v1/batches/{batch.id}/retry")
    assert answer.status_code == 409
    assert answer.headers["x-should-retry"] == "false"
    assert "with status 'in_progress'" in answer.json()["error"]["message"]


async def test_a_batch_of_which_nothing_failed_is_not_run_again(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    with pytest.raises(openai.BadRequestError, match="nothing failed"):
        await retry(front, done.id)


async def test_a_batch_that_failed_validation_is_not_run_again(front: Front) -> None:
    done = await ended(front, await submit(front, json.dumps(line("a")).encode()[:-5] + b"\n"))
    with pytest.raises(openai.BadRequestError, match="failed validation"):
        await retry(front, done.id)


async def test_a_batch_whose_errors_are_gone_is_not_run_again(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    first = await half_failed(front, engine)
    await front.openai.files.delete(str(first.error_file_id))
    with pytest.raises(openai.BadRequestError, match="kept no longer"):
        await retry(front, first.id)


async def test_another_project_retries_nothing(front: Front, engine: ScriptedEngine) -> None:
    first = await half_failed(front, engine)
    foreign = front.openai_as(await front.key_of_another_project())
    with pytest.raises(openai.NotFoundError, match="No batch found"):
        await foreign.post(f"/batches/{first.id}/retry", cast_to=object)
