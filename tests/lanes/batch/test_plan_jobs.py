"""The jobs of planners: where a batch's input is, and which models may run it."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.core.batches import Batch, BatchApi
from forebay.core.clock import after
from forebay.core.files import MESSAGE_BATCH
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.batches import LineError
from forebay.lanes.batch.plan_job import SourceExtent, SourceForm
from forebay.lanes.batch.plan_jobs import InputRefused
from tests.fakes import START
from tests.lanes.batch.planned import ids_of
from tests.lanes.batch.submitted import ended, line, loops, results, submit
from tests.lanes.house import House
from tests.store.makers import batch_of, new_batch, new_file


async def batch_over(house: House, *, of_batch: dict[str, Any], **of_file: Any) -> Batch:
    """Return a batch over a file like this."""
    await house.store.files.add(new_file(**of_file))
    await house.store.batches.create(new_batch(**of_batch))
    return await batch_of(house.store)


async def refusal(house: House, batch: Batch) -> LineError:
    """Return why there is no job for this batch."""
    with pytest.raises(InputRefused) as refused:
        await house.plan_jobs.make(batch)
    return refused.value.error


async def test_a_file_is_read_as_lines(house: House) -> None:
    job = await house.plan_jobs.make(await batch_over(house, of_batch={}))
    assert job.form is SourceForm.LINES
    assert job.source == [SourceExtent(blob_id="blob_1", size_bytes=12)]


async def test_every_name_of_a_model_is_told_and_what_is_to_be_said_of_the_others(
    house: House,
) -> None:
    house.serve("quick", windows=DEFAULT_WINDOWS[:1])
    job = await house.plan_jobs.make(await batch_over(house, of_batch={}))
    assert job.models == {"tiny": "tiny", "tiny-alias": "tiny"}
    assert job.closed.keys() == {"quick", "quick-alias"}
    assert "24h" in job.closed["quick"]
    assert job.fallback_model == "tiny"


async def test_an_alias_that_two_models_want_is_one_models(house: House) -> None:
    house.serve("second", aliases=("tiny-alias",))
    job = await house.plan_jobs.make(await batch_over(house, of_batch={}))
    assert job.models == {"tiny": "tiny", "second": "second", "tiny-alias": "second"}


@pytest.mark.parametrize("window", ["24h", "standard", "1h"])
async def test_every_window_for_batches_is_planned(house: House, window: str) -> None:
    batch = await batch_over(house, of_batch={"completion_window": window})
    assert "tiny" in (await house.plan_jobs.make(batch)).models


async def test_an_engine_that_has_yet_to_tell_its_models_is_waited_for(house: House) -> None:
    batch = await batch_over(house, of_batch={})
    house.catalogue.untold.add("slow to start")
    assert (await house.plan_jobs.make(batch)).is_untold


async def test_an_expired_file_is_none(house: House) -> None:
    batch = await batch_over(house, of_batch={}, expires_at=after(START, 3600))
    house.clock.move(3600)
    error = await refusal(house, batch)
    assert (error.code, error.param) == ("invalid_request", "file_id")


async def test_the_file_of_a_message_batch_is_none_to_others(house: House) -> None:
    batch = await batch_over(house, of_batch={}, purpose=MESSAGE_BATCH)
    assert (await refusal(house, batch)).param == "file_id"


async def test_the_file_of_a_message_batch_is_read_as_requests_whatever_its_size(
    house: House,
) -> None:
    made = {"api": BatchApi.MESSAGE_BATCHES, "endpoint": "/v1/messages"}
    batch = await batch_over(house, of_batch=made, purpose=MESSAGE_BATCH, size_bytes=10**9)
    job = await house.plan_jobs.make(batch)
    assert (job.form, job.api) == (SourceForm.REQUESTS, BatchApi.MESSAGE_BATCHES)


async def test_a_file_larger_than_the_limit_is_refused_unread(house: House) -> None:
    error = await refusal(house, await batch_over(house, of_batch={}, size_bytes=10**6 + 1))
    assert (error.code, error.param) == ("file_too_large", "file_id")


async def test_a_retry_reads_what_failed_from_the_old_plan(house: House) -> None:
    earlier = await submit(house, *[line(it, n=-1 if it in "bd" else 1) for it in "abcd"])
    async with loops(house):
        batch = await ended(house, earlier)
    assert set(await results(house, batch.error_file_id)) == {"b", "d"}
    # Not even the input file is needed.
    await house.store.files.delete(batch.project_id, batch.input_file_id)
    await house.store.batches.create(
        new_batch("batch_2", retry_of=earlier, input_file_id=batch.input_file_id)
    )
    job = await house.plan_jobs.make(await batch_of(house.store, "batch_2"))
    assert job.form is SourceForm.PLAN
    assert await ids_of(house.store.blobs, await house.plan(job)) == [["b", "d"]]


async def test_a_retry_of_what_is_gone_is_refused(house: House) -> None:
    batch = await batch_over(house, of_batch={"retry_of": "batch_gone"})
    error = await refusal(house, batch)
    assert (error.code, error.param) == ("invalid_request", "retry_of")
