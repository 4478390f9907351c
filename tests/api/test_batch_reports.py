"""What batches came to: reports, and the verdicts from downstream that change them."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from forebay.core.errors import PromptRejected
from tests.api.conftest import Front
from tests.api.test_batch_desk import held_up
from tests.api.test_batches import ended, line, submit
from tests.fakes import ManualClock, ScriptedEngine


async def report_of(front: Front, batch_id: str) -> Any:
    """Return the report of a batch."""
    return await front.openai.get(f"/batches/{batch_id}/report", cast_to=object)


async def say(front: Front, batch_id: str, **body: Any) -> Any:
    """Send verdicts, and return the report that they are answered with."""
    path = f"/batches/{batch_id}/accept"
    return await front.openai.post(path, body=body, cast_to=object)


async def test_a_report_has_lines_tokens_money_and_time(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt["bad"] = [PromptRejected("not this one")]
    batch = await submit(front, *[line(name) for name in "abcd"], line("e", "bad"))
    await ended(front, batch)
    report = await report_of(front, batch.id)
    assert report["status"] == "completed"
    assert report["is_final"] is True
    assert report["lines"] == {
        "total": 5,
        "accepted": 4,
        "rejected": 0,
        "schema_failed": 0,
        "invalid": 1,
        "engine_failed": 0,
        "expired": 0,
        "cancelled": 0,
        "unfinished": 0,
    }
    # Four lines of 6 fresh, 4 cached and 2 output tokens at three tenths of the price.
    assert report["usage"]["input_tokens"] == 40
    assert report["usage"]["input_tokens_details"] == {"cached_tokens": 16}
    assert report["prefix_cache_share"] == 0.4
    assert report["cost"] == report["spent"] == {"amount": "0.0000144", "currency": "USD"}
    assert report["cost_per_accepted"] == {"amount": "0.0000036", "currency": "USD"}
    assert report["window"]["is_met"] is True


async def test_a_report_is_there_while_the_batch_runs(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    batch, _ = await held_up(front, engine, "a", "b")
    clock.move(40)
    report = await report_of(front, batch.id)
    assert (report["status"], report["is_final"]) == ("in_progress", False)
    assert (report["lines"]["accepted"], report["lines"]["unfinished"]) == (2, 1)
    assert report["time"] == {
        "wall_s": 40.0,
        "run_s": 40.0,
        "tokens_per_s": 0.6,
        "lines_per_s": 0.05,
    }
    assert report["window"]["is_met"] is None


async def test_a_new_batch_has_a_report_of_nothing(front: Front) -> None:
    report = await report_of(front, (await submit(front, line("a"))).id)
    assert report["lines"]["total"] == 0
    assert report["cost_per_accepted"] is None


async def test_verdicts_change_the_cost_of_an_accepted_record(front: Front) -> None:
    done = await ended(front, await submit(front, *[line(name) for name in "abcd"]))
    report = await say(front, done.id, accepted=["a", "b"], rejected=["c"])
    assert report["verdicts"] == {"accepted": 2, "rejected": 1}
    assert (report["lines"]["accepted"], report["lines"]["rejected"]) == (3, 1)
    assert report["cost_per_accepted"]["amount"] == "0.0000048"
    assert report == await report_of(front, done.id)


async def test_a_later_verdict_replaces_an_earlier_one(front: Front) -> None:
    done = await ended(front, await submit(front, line("a"), line("b")))
    for _ in range(2):
        again = await say(front, done.id, rejected=["a", "b"])
        assert again["lines"]["rejected"] == 2
        assert again["cost_per_accepted"] is None
    report = await say(front, done.id, verdicts={"a": True, "b": "rejected"})
    assert (report["lines"]["accepted"], report["lines"]["rejected"]) == (1, 1)


async def test_verdicts_come_by_the_thousand(front: Front) -> None:
    names = [f"row-{number}" for number in range(1200)]
    done = await ended(front, await submit(front, *[line(name) for name in names]))
    report = await say(front, done.id, accepted=names[:1000], rejected=names[1000:])
    assert report["verdicts"] == {"accepted": 1000, "rejected": 200}
    assert report["lines"]["accepted"] == 1000


async def test_verdicts_are_taken_while_the_batch_runs(
    front: Front, engine: ScriptedEngine
) -> None:
    batch, _ = await held_up(front, engine, "a")
    assert (await say(front, batch.id, rejected=["a"]))["lines"]["rejected"] == 1
    with pytest.raises(openai.BadRequestError, match="without an answer to be judged are 'slow'"):
        await say(front, batch.id, accepted=["slow"])


async def test_one_wrong_verdict_keeps_all_from_being_taken(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.by_prompt["bad"] = [PromptRejected("not this one")]
    done = await ended(front, await submit(front, line("a"), line("e", "bad")))
    strangers = [f"nobody-{number}" for number in range(7)]
    with pytest.raises(openai.BadRequestError) as refused:
        await say(front, done.id, rejected=["a", "e", *strangers])
    message = refused.value.message
    assert f"not in batch '{done.id}' are 'nobody-0', 'nobody-1'" in message
    assert "'nobody-4' and 2 more" in message
    assert "without an answer to be judged are 'e'" in message
    assert (await report_of(front, done.id))["verdicts"] == {"accepted": 0, "rejected": 0}


@pytest.mark.parametrize("text", [b"nonsense\n", None])
async def test_what_has_no_results_takes_no_verdicts(front: Front, text: bytes | None) -> None:
    batch = await submit(front, text or line("a"))
    if text is not None:
        await ended(front, batch)
    with pytest.raises(openai.BadRequestError, match="has no results"):
        await say(front, batch.id, accepted=["a"])


async def test_a_message_batch_is_no_batch_here(front: Front) -> None:
    params = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    made = await front.http.post(
        "/v1/messages/batches", json={"requests": [{"custom_id": "a", "params": params}]}
    )
    one = f"/v1/batches/{made.json()['id']}"
    calls = [("GET", ""), ("POST", "/cancel"), ("GET", "/results/a"), ("GET", "/report")]
    calls += [("POST", "/accept"), ("POST", "/retry")]
    for method, path in calls:
        json = {"accepted": ["a"]} if path == "/accept" else {}
        answer = await front.http.request(method, one + path, json=json)
        assert answer.status_code == 404, path
        assert "No batch found" in answer.json()["error"]["message"]
    assert (await front.http.get("/v1/batches")).json()["data"] == []
