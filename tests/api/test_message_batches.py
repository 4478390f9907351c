"""Message Batches through Anthropic's client, from the requests to their results."""

from __future__ import annotations

from typing import Any

import anthropic
import msgspec
import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from forebay.core.errors import PromptRejected
from forebay.dialects.turn import JsonObject
from forebay.settings import Settings
from tests.api.conftest import KEY, MODEL, Front
from tests.fakes import Gate, ManualClock, ScriptedEngine, says, until

PATH = "/v1/messages/batches"
NEW = {"anthropic-version": "2026-10-21"}


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The usual settings, with what a test says of them."""
    return msgspec.structs.replace(settings, **getattr(request, "param", {}))


def request(custom_id: str, prompt: str = "hi", **others: object) -> Any:
    """Return one request of a batch."""
    params: JsonObject = {
        "model": MODEL,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": prompt}],
    }
    return {"custom_id": custom_id, "params": params | others}


async def submit(front: Front, *requests: Any, **others: Any) -> MessageBatch:
    """Make a batch of these requests, or of one."""
    return await front.anthropic.messages.batches.create(
        requests=requests or [request("a")], **others
    )


async def ended(front: Front, batch: MessageBatch) -> MessageBatch:
    """Return the batch once it has ended."""

    async def look() -> MessageBatch | None:
        found = await front.anthropic.messages.batches.retrieve(batch.id)
        return found if found.processing_status == "ended" else None

    return await until(look)


async def results(front: Front, batch: MessageBatch) -> dict[str, MessageBatchIndividualResponse]:
    """Return a batch's results by their custom ids, each of which is there once."""
    lines = [line async for line in await front.anthropic.messages.batches.results(batch.id)]
    found = {line.custom_id: line for line in lines}
    assert len(found) == len(lines)
    return found


async def kinds(front: Front, batch: MessageBatch) -> dict[str, str]:
    """Return how each request has ended, by its custom id."""
    return {name: line.result.type for name, line in (await results(front, batch)).items()}


async def test_a_batch_gives_each_request_its_message(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {f"question {number}": says(f"answer {number}") for number in range(5)}
    batch = await submit(
        front, *[request(f"row-{number}", f"question {number}") for number in range(5)]
    )
    assert batch.id.startswith("msgbatch_") and batch.results_url is None
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 5)
    assert (batch.expires_at - batch.created_at).total_seconds() == 86_400
    done = await ended(front, batch)
    assert done.request_counts.model_dump() == {
        "processing": 0, "succeeded": 5, "errored": 0, "canceled": 0, "expired": 0
    }  # fmt: skip
    assert done.ended_at is not None and done.cancel_initiated_at is None
    texts = {}
    for name, line in (await results(front, done)).items():
        assert line.result.type == "succeeded"
        (block,) = line.result.message.content
        assert block.type == "text" and line.result.message.usage.service_tier == "batch"
        texts[name] = block.text
    assert texts == {f"row-{number}": f"answer {number}" for number in range(5)}


async def test_what_is_wrong_with_one_request_is_its_result_alone(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt["bad"] = [PromptRejected("not this one")]
    batch = await submit(
        front,
        request("good"),
        request("refused", "bad"),
        request("unknown", model="nobody"),
        request("streamed", stream=True),
        request("empty", messages=[]),
        {"custom_id": "nothing", "params": {}},
    )
    done = await ended(front, batch)
    assert (done.request_counts.succeeded, done.request_counts.errored) == (1, 5)
    errors = {}
    for name, line in (await results(front, done)).items():
        if line.result.type == "errored":
            errors[name] = line.result.error.error
    said = {name: error.type for name, error in errors.items()}
    assert said == {
        "refused": "invalid_request_error",
        "unknown": "not_found_error",
        "streamed": "invalid_request_error",
        "empty": "invalid_request_error",
        "nothing": "invalid_request_error",
    }
    assert "stream" in errors["streamed"].message


async def test_counts_tell_nothing_before_the_end(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("late")]
    batch = await submit(front, request("quick"), request("slow", "slow"))
    await gate.reached.wait()
    running = await front.anthropic.messages.batches.retrieve(batch.id)
    assert (running.request_counts.processing, running.request_counts.succeeded) == (2, 0)
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        await front.anthropic.messages.batches.results(batch.id)
    answer = await front.http.get(f"{PATH}/{batch.id}/results")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    gate.open()
    assert (await ended(front, batch)).request_counts.succeeded == 2


async def test_a_batch_that_is_cancelled_keeps_what_was_done(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.by_prompt |= {"slow": [gate, *says("late")], "slower": [Gate(), *says("never")]}
    slow = [request(f"slow-{number}", "slow" if number else "slower") for number in range(2)]
    batch = await submit(front, *slow, request("third"))
    await gate.reached.wait()
    cancelled = await front.anthropic.messages.batches.cancel(batch.id)
    assert cancelled.processing_status in ("canceling", "ended")
    assert cancelled.cancel_initiated_at is not None
    done = await ended(front, batch)
    found = await kinds(front, done)
    assert set(found) == {"slow-0", "slow-1", "third"} and found["slow-0"] == "canceled"
    assert done.request_counts.canceled == list(found.values()).count("canceled")
    with pytest.raises(anthropic.BadRequestError, match="has ended"):
        await front.anthropic.messages.batches.cancel(batch.id)


async def test_a_batch_that_expires_says_so_of_what_was_not_run(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    engine.by_prompt["slow"] = [Gate(), *says("never")]
    gate = Gate()
    engine.by_prompt["first"] = [gate, *says("done")]
    batch = await submit(front, request("first", "first"), request("slow", "slow"))
    await gate.reached.wait()
    gate.open()
    clock.move(86_400)
    # Something for whoever closes batches to wake up by.
    await submit(front)
    done = await ended(front, batch)
    assert done.request_counts.expired == list((await kinds(front, done)).values()).count("expired")
    assert done.request_counts.expired >= 1


async def test_a_batch_that_has_ended_can_be_deleted(front: Front) -> None:
    batch = await submit(front)
    await ended(front, batch)
    gone = await front.anthropic.messages.batches.delete(batch.id)
    assert (gone.id, gone.type) == (batch.id, "message_batch_deleted")
    with pytest.raises(anthropic.NotFoundError):
        await front.anthropic.messages.batches.retrieve(batch.id)


async def test_a_batch_that_runs_cannot_be_deleted(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("late")]
    batch = await submit(front, request("slow", "slow"))
    await gate.reached.wait()
    with pytest.raises(anthropic.BadRequestError, match="Consider canceling"):
        await front.anthropic.messages.batches.delete(batch.id)
    gate.open()


async def test_the_client_pages_through_all_batches_both_ways(front: Front) -> None:
    made = [(await submit(front)).id for _ in range(5)][::-1]
    listed = [batch.id async for batch in front.anthropic.messages.batches.list(limit=2)]
    assert listed == made
    before = front.anthropic.messages.batches.list(limit=2, before_id=made[-1])
    # Backwards page by page, each of them newest first.
    assert [batch.id async for batch in before] == [made[2], made[3], made[0], made[1]]


async def test_neither_api_sees_the_batches_of_the_other(front: Front) -> None:
    message_batch = await submit(front)
    file = await front.openai.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    batch = await front.openai.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    for path in (f"/v1/batches/{message_batch.id}", f"{PATH}/{batch.id}"):
        assert (await front.http.get(path)).status_code == 404
        assert (await front.http.post(f"{path}/cancel")).status_code == 404
    assert [it["id"] for it in (await front.http.get(PATH)).json()["data"]] == [message_batch.id]
    listed = (await front.http.get("/v1/batches")).json()["data"]
    assert [it["id"] for it in listed] == [batch.id]
    files = (await front.http.get("/v1/files")).json()["data"]
    assert [it["id"] for it in files] == [file.id]


@pytest.mark.parametrize("key", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
@pytest.mark.parametrize("version", [NEW, {"anthropic-version": "2023-06-01"}, {}])
async def test_every_version_and_either_header_of_the_key_will_do(
    front: Front, key: dict[str, str], version: dict[str, str]
) -> None:
    headers = {"authorization": "", "anthropic-beta": "message-batches-2024-09-24"} | key | version
    answer = await front.http.post(
        f"{PATH}?beta=true", json={"requests": [request("a")]}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    listed = await front.http.get(f"{PATH}?beta=true", headers=headers)
    assert [it["id"] for it in listed.json()["data"]] == [answer.json()["id"]]


@pytest.mark.parametrize("settings", [{"strict_anthropic_sampling": True}], indirect=True)
async def test_requests_are_run_under_the_version_of_the_call_that_made_their_batch(
    front: Front,
) -> None:
    body = {"requests": [request("a", temperature=0.5), request("b")]}
    for headers, kind in ((NEW, "errored"), ({"anthropic-version": "2023-06-01"}, "succeeded")):
        made = await front.http.post(PATH, json=body, headers=headers)
        batch = await front.anthropic.messages.batches.retrieve(made.json()["id"])
        assert await kinds(front, await ended(front, batch)) == {"a": kind, "b": "succeeded"}


async def test_the_url_of_the_results_is_where_the_caller_has_found_us(front: Front) -> None:
    batch = await ended(front, await submit(front))
    assert batch.results_url == f"http://forebay{PATH}/{batch.id}/results"
    found = await front.http.get(f"{PATH}/{batch.id}", headers={"host": "gate.example:8443"})
    url = found.json()["results_url"]
    assert url == f"http://gate.example:8443{PATH}/{batch.id}/results"
    answer = await front.http.get(f"{PATH}/{batch.id}/results")
    assert answer.headers["content-type"] == "application/x-jsonl"


@pytest.mark.parametrize("settings", [{"public_url": "https://gate.example/llm/"}], indirect=True)
async def test_the_url_of_the_results_is_where_the_operator_says_that_we_are(front: Front) -> None:
    batch = await submit(front)
    await ended(front, batch)
    url = f"https://gate.example/llm{PATH}/{batch.id}/results"
    headers = {"host": "inner:8088"}
    listed = await front.http.get(PATH, headers=headers)
    assert [it["results_url"] for it in listed.json()["data"]] == [url]
    found = await front.http.get(f"{PATH}/{batch.id}", headers=headers)
    assert found.json()["results_url"] == url
