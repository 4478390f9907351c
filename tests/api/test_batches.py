"""Batches through OpenAI's client, from upload to output."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types import Batch

from forebay.core.errors import PromptRejected
from forebay.dialects.turn import JsonObject
from tests.api.conftest import MODEL, Front
from tests.fakes import Gate, ManualClock, ScriptedEngine, says, until

FINAL = ("completed", "failed", "expired", "cancelled")


def line(custom_id: str, prompt: str = "hi", **others: object) -> JsonObject:
    """Return an input line for chat completions."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    values: JsonObject = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }
    return values | others


async def submit(front: Front, *lines: JsonObject | bytes, **others: Any) -> Batch:
    """Upload these lines and make a batch of them."""
    content = b"".join(
        [text if isinstance(text, bytes) else json.dumps(text).encode() + b"\n" for text in lines]
    )
    file = await front.openai.files.create(file=("in.jsonl", content), purpose="batch")
    values: dict[str, Any] = {
        "input_file_id": file.id,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return await front.openai.batches.create(**(values | others))


async def ended(front: Front, batch: Batch) -> Batch:
    """Return the batch once it has ended."""

    async def look() -> Batch | None:
        found = await front.openai.batches.retrieve(batch.id)
        return found if found.status in FINAL else None

    return await until(look)


async def results(front: Front, file_id: str | None) -> dict[str, dict[str, Any]]:
    """Return a file's lines by their custom ids."""
    assert file_id is not None
    content = (await front.openai.files.content(file_id)).text
    lines = [json.loads(text) for text in content.splitlines()]
    found = {found["custom_id"]: found for found in lines}
    assert len(found) == len(lines)
    return found


async def test_a_batch_gives_each_line_its_result(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {f"question {number}": says(f"answer {number}") for number in range(5)}
    batch = await submit(
        front,
        *[line(f"row-{number}", f"question {number}") for number in range(5)],
        metadata={"job": "nightly"},
    )
    assert (batch.status, batch.object) == ("validating", "batch")
    done = await ended(front, batch)
    assert (done.status, done.metadata) == ("completed", {"job": "nightly"})
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed) == (5, 5)
    assert done.error_file_id is None
    assert done.usage is not None and done.usage.total_tokens == 60
    # Five lines of 6 fresh, 4 cached and 2 output tokens at three tenths of the price.
    assert done.model_dump()["forebay"]["cost"]["amount"] == "0.000018"
    found = await results(front, done.output_file_id)
    texts = {
        custom_id: result["response"]["body"]["choices"][0]["message"]["content"]
        for custom_id, result in found.items()
    }
    assert texts == {f"row-{number}": f"answer {number}" for number in range(5)}
    assert all(result["error"] is None for result in found.values())


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/responses", {"model": MODEL, "input": "hi"}),
        (
            "/v1/messages",
            {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
        ),
    ],
)
async def test_a_batch_speaks_its_endpoints_dialect(
    front: Front, endpoint: str, body: JsonObject
) -> None:
    batch = await submit(front, line("a", url=endpoint, body=body), endpoint=endpoint)
    done = await ended(front, batch)
    (result,) = (await results(front, done.output_file_id)).values()
    assert result["response"]["status_code"] == 200
    assert result["response"]["body"]["object" if "responses" in endpoint else "type"] in (
        "response",
        "message",
    )


async def test_a_line_that_its_endpoint_refuses_goes_to_the_error_file(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt["bad"] = [PromptRejected("not this one")]
    batch = await submit(front, line("good"), line("bad", "bad"))
    done = await ended(front, batch)
    assert done.status == "completed"
    assert done.request_counts is not None and done.request_counts.failed == 1
    assert set(await results(front, done.output_file_id)) == {"good"}
    (result,) = (await results(front, done.error_file_id)).values()
    assert result["response"]["status_code"] == 400
    assert result["response"]["body"]["error"]["message"] == "not this one"


async def test_a_broken_input_fails_with_codes_and_lines(front: Front) -> None:
    batch = await submit(front, line("a"), b"nonsense\n", line("a"))
    done = await ended(front, batch)
    assert done.status == "failed"
    assert done.errors is not None and done.errors.data is not None
    assert [(error.code, error.line) for error in done.errors.data] == [
        ("invalid_json_line", 2),
        ("duplicate_custom_id", 3),
    ]
    assert done.output_file_id is None


async def test_a_line_that_is_nested_too_deeply_fails_its_batch_alone(front: Front) -> None:
    deep = b'{"custom_id":' + b"[" * 20_000 + b"\n"
    failed = await ended(front, await submit(front, deep))
    assert failed.status == "failed"
    assert (await ended(front, await submit(front, line("a")))).status == "completed"


async def test_a_batch_of_an_unknown_file_fails(front: Front) -> None:
    batch = await front.openai.batches.create(
        input_file_id="file-unknown",
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )
    assert (await ended(front, batch)).status == "failed"


async def test_a_cancelled_batch_keeps_what_was_done(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.by_prompt["slow"] = [gate, *says("never")]
    batch = await submit(front, line("fast"), line("slow", "slow"))
    await gate.reached.wait()

    async def fast_is_done() -> bool:
        return len(engine.ended) == 1

    await until(fast_is_done)
    cancelling = await front.openai.batches.cancel(batch.id)
    assert cancelling.status == "cancelling"
    done = await ended(front, batch)
    assert done.status == "cancelled"
    assert engine.cancelled == ["slow"]
    assert set(await results(front, done.output_file_id)) == {"fast"}
    (result,) = (await results(front, done.error_file_id)).values()
    assert result["error"]["code"] == "batch_cancelled"


async def test_a_batch_that_ended_cannot_be_cancelled(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    with pytest.raises(openai.ConflictError, match="completed"):
        await front.openai.batches.cancel(done.id)


async def test_pages_follow_each_other_from_new_to_old(front: Front) -> None:
    made = [await submit(front, line("a")) for _ in range(3)]
    first = await front.openai.batches.list(limit=2)
    assert first.has_more
    assert [batch.id async for batch in first] == [batch.id for batch in reversed(made)]


@pytest.mark.parametrize(
    ("name", "value", "param"),
    [
        ("endpoint", "/v1/nothing", "endpoint"),
        ("completion_window", "asap", "completion_window"),
        ("completion_window", "1 week", "completion_window"),
        ("metadata", {"a": 3}, "metadata.a"),
        ("metadata", {"webhook_token": "s"}, "metadata.webhook_token"),
        ("metadata", {"completion_webhook": "https://x/"}, "metadata.completion_webhook"),
        ("metadata", {"review": "required"}, "metadata.review"),
        ("metadata", {"on_late": "refuse"}, "metadata.on_late"),
        ("metadata", {"completion_window": "standard"}, "metadata.completion_window"),
        (
            "output_expires_after",
            {"anchor": "never", "seconds": 3600},
            "output_expires_after.anchor",
        ),
        (
            "output_expires_after",
            {"anchor": "created_at", "seconds": 3600, "minutes": 1},
            "output_expires_after",
        ),
        ("extra_body", {"priority": "high"}, "priority"),
    ],
)
async def test_a_wrong_parameter_is_named(
    front: Front, name: str, value: object, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await submit(front, line("a"), **{name: value})
    assert refused.value.param == param


async def test_a_batch_may_name_a_faster_window(front: Front) -> None:
    batch = await submit(front, line("a"), completion_window="standard")
    done = await ended(front, batch)
    assert done.completion_window == "standard"
    assert done.model_dump()["forebay"]["cost"]["amount"] == "0.000006"


async def test_an_output_file_is_found_in_the_list_of_files(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    outputs = [file async for file in front.openai.files.list(purpose="batch_output")]
    assert [file.id for file in outputs] == [done.output_file_id]
    content = (await front.openai.files.content(outputs[0].id)).content
    assert outputs[0].bytes == len(content)


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    foreign = front.openai_as(await front.key_of_another_project())
    assert [found async for found in foreign.batches.list()] == []
    for act in (foreign.batches.retrieve, foreign.batches.cancel):
        messages = []
        for batch_id in (done.id, "batch_unknown"):
            with pytest.raises(openai.NotFoundError) as refused:
                await act(batch_id)
            messages.append(refused.value.message.replace(batch_id, "ID"))
        assert messages[0] == messages[1]
    with pytest.raises(openai.NotFoundError):
        await foreign.files.content(str(done.output_file_id))


async def test_a_batch_over_another_projects_file_fails(front: Front) -> None:
    file = await front.openai.files.create(file=json.dumps(line("a")).encode(), purpose="batch")
    foreign = front.openai_as(await front.key_of_another_project())
    batch = await foreign.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )

    async def look() -> Batch | None:
        found = await foreign.batches.retrieve(batch.id)
        return found if found.status in FINAL else None

    assert (await until(look)).status == "failed"


async def test_an_expired_input_file_fails_its_batch(front: Front, clock: ManualClock) -> None:
    file = await front.openai.files.create(
        file=json.dumps(line("a")).encode(),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    clock.move(3600)
    batch = await front.openai.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert (await ended(front, batch)).status == "failed"
