"""What else is planned than files: the requests of Message Batches, and lines that run again."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from forebay.core.batches import BatchApi
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import Plan, SourceExtent, SourceForm
from forebay.store.blobs import Blobs
from tests.lanes.batch.planned import found, ids_of, job, line, planned, segments_of

MESSAGES = {
    "api": BatchApi.MESSAGE_BATCHES,
    "endpoint": "/v1/messages",
    "form": SourceForm.REQUESTS,
}


def request(custom_id: str, **params: object) -> bytes:
    """Return a request of a Message Batch as it is spooled."""
    return json.dumps({"custom_id": custom_id, "params": params}).encode() + b"\n"


async def again(
    blobs: Blobs, folder: Path, made: Plan, *, wanted: list[int], **others: object
) -> Plan:
    """Return the plan of these lines of every segment of an earlier plan."""
    source = [
        SourceExtent(
            blob_id=it.blob_id,
            offset_bytes=it.offset_bytes,
            size_bytes=it.size_bytes,
            numbers=wanted,
        )
        for it in made.segments
    ]
    return await plan(job(*source, form=SourceForm.PLAN, **others), blobs, folder=folder)


async def test_requests_are_planned_by_their_params(blobs: Blobs, tmp_path: Path) -> None:
    lines = request("a", model="tiny", max_tokens=9), request("b", model="large")
    made = await planned(blobs, tmp_path, *lines, **MESSAGES)
    (first,), (second,) = await segments_of(blobs, made)
    assert (first.custom_id, first.body) == ("a", {"model": "tiny", "max_tokens": 9})
    assert [it.model for it in made.segments] == ["tiny", "large"]
    assert second.custom_id == "b"


async def test_no_request_is_an_error(blobs: Blobs, tmp_path: Path) -> None:
    lines = [
        request("unknown", model="huge"),
        request("closed", model="slow"),
        request("no model"),
        request("strange", model=3, stream=True),
    ]
    made = await planned(blobs, tmp_path, *lines, **MESSAGES, fallback_model="large")
    assert [(it.model, it.line_count) for it in made.segments] == [("large", 4)]


async def test_a_request_that_cannot_be_read_is_run_as_an_empty_one(
    blobs: Blobs, tmp_path: Path
) -> None:
    lines = [
        b'{"custom_id":"a","params":{"model":"\xff"}}\n',
        b'{"custom_id":"b","params":{"x":' + b"[" * 500 + b"]" * 500 + b"}}\n",
    ]
    made = await planned(blobs, tmp_path, *lines, **MESSAGES)
    ((first, second),) = await segments_of(blobs, made)
    assert (first.body, second.body) == ({}, {})


async def test_requests_wait_for_an_engine_that_may_tell_of_their_model(
    blobs: Blobs, tmp_path: Path
) -> None:
    made = await planned(blobs, tmp_path, request("a", model="huge"), **MESSAGES, is_untold=True)
    assert made.is_untold


async def test_requests_wait_while_there_is_no_model_at_all(blobs: Blobs, tmp_path: Path) -> None:
    nothing: dict[str, str] = {}
    made = await planned(
        blobs,
        tmp_path,
        request("a", model="huge"),
        **MESSAGES | {"models": nothing, "closed": nothing, "fallback_model": None},
    )
    assert made.is_untold


async def test_requests_may_be_more_than_a_callers_lines(blobs: Blobs, tmp_path: Path) -> None:
    lines = [request(str(number), model="tiny") for number in range(3)]
    made = await planned(blobs, tmp_path, *lines, **MESSAGES, max_requests=2)
    assert made.total_count == 3


async def test_the_wanted_lines_of_earlier_segments_run_again(blobs: Blobs, tmp_path: Path) -> None:
    lines = [line(it, model) for it, model in zip("abcdef", ["tiny", "large"] * 3, strict=True)]
    made = await planned(blobs, tmp_path, *lines)
    assert await ids_of(blobs, made) == [["a", "c", "e"], ["b", "d", "f"]]
    retry = await again(blobs, tmp_path, made, wanted=[0, 2])
    assert await ids_of(blobs, retry) == [["a", "e"], ["b", "f"]]
    assert retry.total_count == 4


async def test_lines_whose_model_is_gone_do_not_run_again(blobs: Blobs, tmp_path: Path) -> None:
    made = await planned(blobs, tmp_path, line("a", "large"))
    retry = await again(blobs, tmp_path, made, wanted=[0], models={"tiny": "tiny"})
    assert found(retry) == [("model_not_found", "body.model", None)]


async def test_a_line_that_can_no_longer_be_read_does_not_run_again(
    blobs: Blobs, tmp_path: Path
) -> None:
    made = await planned(blobs, tmp_path, line("a"))
    torn = await blobs.put((await blobs.get(made.segments[0].extent))[:9] + b"\n")
    source = SourceExtent(blob_id=torn.id, offset_bytes=0, size_bytes=10, numbers=[0])
    retry = await plan(job(source, form=SourceForm.PLAN), blobs, folder=tmp_path)
    assert found(retry) == [("invalid_request", None, None)]


async def test_requests_whose_model_is_gone_run_again_to_their_error(
    blobs: Blobs, tmp_path: Path
) -> None:
    made = await planned(blobs, tmp_path, request("a", model="huge"), **MESSAGES)
    retry = await again(blobs, tmp_path, made, wanted=[0], api=BatchApi.MESSAGE_BATCHES)
    assert [segment.model for segment in retry.segments] == ["tiny"]


async def test_a_job_and_its_plan_are_the_same_in_another_process(
    blobs: Blobs, tmp_path: Path
) -> None:
    made = await planned(blobs, tmp_path, line("a"), line("b", "large"))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made
