"""Single results of batches, read by their custom ids."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import openai
import pytest

from forebay.core.errors import PromptRejected
from tests.api.conftest import Front
from tests.api.test_batch_desk import held_up
from tests.api.test_batches import ended, line, results, submit
from tests.fakes import ManualClock, ScriptedEngine, says

STRANGE = ["a/b", "a b", "100%", "%2F", "grün/ß", "😀", "a?b#c", "a+b&c=d", '"', "/", "x/", "a\\b"]
STRANGE += ["x", "x\n", "x\n\n", "x\ny", "\n", "x\r\n", "\t", "\x7f", "\u2028"]


async def result_of(front: Front, batch_id: str, custom_id: str) -> httpx2.Response:
    """Return the answer to who asks for one result."""
    return await front.http.get(f"/v1/batches/{batch_id}/results/{quote(custom_id, safe='')}")


async def test_a_result_is_the_line_of_its_file(front: Front, engine: ScriptedEngine) -> None:
    engine.by_prompt = {
        "good": says("fine"),
        "bad": [PromptRejected("not this one")],
    }
    done = await ended(front, await submit(front, line("a", "good"), line("b", "bad")))
    files = [done.output_file_id, done.error_file_id]
    for custom_id, file_id in zip(("a", "b"), files, strict=True):
        found: Any = await front.openai.get(
            f"/batches/{done.id}/results/{custom_id}", cast_to=object
        )
        assert found == (await results(front, file_id))[custom_id]
        assert set(found) == {"id", "custom_id", "response", "error"}


async def test_each_of_many_results_is_found(front: Front, engine: ScriptedEngine) -> None:
    names = [f"row-{number}" for number in range(300)]
    engine.by_prompt = {name: says(f"answer to {name}") for name in names}
    batch = await submit(front, *[line(name, name) for name in names])
    await ended(front, batch)
    for name in names[::37]:
        found = (await result_of(front, batch.id, name)).json()
        assert found["custom_id"] == name
        content = found["response"]["body"]["choices"][0]["message"]["content"]
        assert content == f"answer to {name}"


async def test_a_custom_id_may_have_any_character(front: Front) -> None:
    done = await ended(front, await submit(front, *[line(name) for name in STRANGE]))
    for name in STRANGE:
        answer = await result_of(front, done.id, name)
        assert (answer.status_code, answer.json().get("custom_id")) == (200, name), name


async def test_a_line_end_is_a_part_of_the_custom_id(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    for name in ("a\n", "a\nb", "\na"):
        answer = await result_of(front, done.id, name)
        assert answer.status_code == 404
        assert "No request with custom_id" in answer.json()["error"]["message"]


async def test_a_result_is_there_while_the_batch_runs(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    batch, gate = await held_up(front, engine, "a")
    assert (await result_of(front, batch.id, "a")).status_code == 200
    clock.move(30)
    early = await result_of(front, batch.id, "slow")
    assert early.status_code == 404
    said = early.json()["error"]
    assert (said["code"], said["type"]) == ("result_not_ready", "invalid_request_error")
    assert "has no result yet" in said["message"]
    assert early.headers["x-should-retry"] == "false"
    assert 1 <= int(early.headers["retry-after"]) <= 60
    gate.open()
    await ended(front, batch)
    assert (await result_of(front, batch.id, "slow")).status_code == 200


async def test_an_unknown_custom_id_is_told_from_one_that_waits(
    front: Front, engine: ScriptedEngine
) -> None:
    batch, _ = await held_up(front, engine, "a")
    unknown = await result_of(front, batch.id, "nobody")
    assert unknown.status_code == 404
    said = unknown.json()["error"]
    assert (said["code"], said["param"]) == (None, None)
    assert "No request with custom_id 'nobody'" in said["message"]
    assert "retry-after" not in unknown.headers


async def test_before_validation_nothing_is_ready(front: Front) -> None:
    batch = await submit(front, line("a"))
    answer = await result_of(front, batch.id, "a")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "result_not_ready")
    assert "still being validated" in answer.json()["error"]["message"]


async def test_a_batch_that_failed_validation_has_no_results(front: Front) -> None:
    done = await ended(front, await submit(front, b"nonsense\n"))
    answer = await result_of(front, done.id, "a")
    assert answer.status_code == 404
    assert "failed validation" in answer.json()["error"]["message"]


async def test_a_result_goes_with_its_file(front: Front, clock: ManualClock) -> None:
    expiry: Any = {"anchor": "created_at", "seconds": 3600}
    done = await ended(front, await submit(front, line("a"), output_expires_after=expiry))
    assert (await result_of(front, done.id, "a")).status_code == 200
    clock.move(3600)
    answer = await result_of(front, done.id, "a")
    assert answer.status_code == 404
    assert "kept no longer" in answer.json()["error"]["message"]
    other = await ended(front, await submit(front, line("a")))
    await front.openai.files.delete(str(other.output_file_id))
    assert (await result_of(front, other.id, "a")).status_code == 404


async def test_another_project_sees_no_results(front: Front) -> None:
    done = await ended(front, await submit(front, line("a")))
    foreign = front.openai_as(await front.key_of_another_project())
    with pytest.raises(openai.NotFoundError, match="No batch found"):
        await foreign.get(f"/batches/{done.id}/results/a", cast_to=object)
