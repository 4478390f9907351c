"""Waiting for a response, how it stands meanwhile, and running it again."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from tests.api.conftest import MODEL, Front
from tests.api.response_calls import busy, contents, say
from tests.api.test_responses import ended
from tests.fakes import Gate, ManualClock, ScriptedEngine, says


async def waited(front: Front, response_id: str, seconds: float) -> Response:
    """Return a response after a wait."""
    return await front.openai.responses.retrieve(response_id, extra_query={"wait": seconds})


async def retried(front: Front, response_id: str, **headers: str) -> Response:
    """Run a response again."""
    return await front.openai.post(
        f"/responses/{response_id}/retry", cast_to=Response, options={"headers": headers}
    )


def extension(response: Response) -> dict[str, Any]:
    """Return what is Forebay's own in a response."""
    found: dict[str, Any] = response.model_dump()["forebay"]
    return found


async def test_a_wait_is_answered_when_the_response_ends(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("Later.")])
    made = await say(front, "hi", background=True)
    waiting = asyncio.create_task(waited(front, made, 600))
    await gate.reached.wait()
    gate.open()
    assert (await waiting).output_text == "Later."


async def test_a_wait_whose_time_is_over_is_answered_with_how_it_stands(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate])
    made = await say(front, "hi", background=True)
    await gate.reached.wait()
    assert (await waited(front, made, 0.01)).status == "in_progress"


async def test_what_has_ended_is_not_waited_for(front: Front) -> None:
    made = await say(front, "hi")
    async with asyncio.timeout(5):
        assert (await waited(front, made, 600)).status == "completed"


async def test_a_caller_that_leaves_ends_its_wait(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([gate])
    made = await say(front, "hi", background=True)
    await gate.reached.wait()
    waiting = asyncio.create_task(front.http.get(f"/v1/responses/{made}?wait=600"))
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([waiting])
    assert (await front.openai.responses.retrieve(made)).status == "in_progress"


@pytest.mark.parametrize("wait", ["-1", "601", "600.5", "x", "nan", "1e2", "", "1.", "inf"])
async def test_a_wait_outside_its_limits_is_refused(front: Front, wait: str) -> None:
    made = await say(front, "hi")
    answer = await front.http.get(f"/v1/responses/{made}?wait={wait}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "wait")


async def test_an_unknown_response_is_not_waited_for(front: Front) -> None:
    with pytest.raises(openai.NotFoundError):
        await waited(front, "resp_unknown", 600)


async def test_another_project_does_not_wait_for_it(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([Gate()])
    made = await say(front, "hi", background=True)
    foreign = front.openai_as(await front.key_of_another_project())
    with pytest.raises(openai.NotFoundError):
        await foreign.responses.retrieve(made, extra_query={"wait": 600})


async def test_a_waiting_response_tells_its_place_and_when_it_may_begin(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("done")])
    first = await say(front, "hi", background=True)
    await gate.reached.wait()
    clock.move(10)
    gate.open()
    await ended(front, first)
    clock.move(3)  # what is known of the pace is read again by then
    async with busy(front, engine):
        waiting = [await say(front, "waits", background=True) for _ in range(2)]
        found = [extension(await front.openai.responses.retrieve(id)) for id in waiting]
        now = clock.now() // 1000
        assert [fields["position"] for fields in found] == [1, 2]
        # Two run at once, each for ten seconds.
        assert [fields["expected_start_at"] - now for fields in found] == [5, 10]
        assert [fields["expected_at"] - now for fields in found] == [15, 20]
    assert "position" not in extension(await ended(front, waiting[0]))


async def test_a_running_response_tells_how_far_it_is(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    gate = Gate()
    engine.queue.append([*says("one", "two")[:2], gate, *says("done")])
    made = await say(front, "hi", background=True)
    await gate.reached.wait()
    clock.move(4)
    progress = extension(await front.openai.responses.retrieve(made))["progress"]
    assert progress == {"output_tokens": 2, "elapsed_s": 4.0}


async def test_a_retry_is_a_new_response_that_names_the_one_before(
    front: Front, engine: ScriptedEngine
) -> None:
    made = await say(front, "again", background=True)
    await ended(front, made)
    again = await retried(front, made)
    assert again.id != made
    assert (again.status, extension(again)["retry_of"]) == ("queued", made)
    done = await ended(front, again.id)
    assert (done.output_text, extension(done)["retry_of"]) == ("Hello.", made)
    assert contents(engine) == ["again"]


async def test_what_has_not_ended_is_not_run_again(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([Gate()])
    made = await say(front, "hi", background=True)
    with pytest.raises(openai.BadRequestError, match="Cannot retry"):
        await retried(front, made)


async def test_a_synchronous_response_is_not_run_again(front: Front) -> None:
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await retried(front, await say(front, "hi"))


async def test_a_retry_that_would_change_what_was_asked_is_refused(front: Front) -> None:
    made = await say(front, "hi", background=True)
    await ended(front, made)
    path = f"/v1/responses/{made}/retry"
    assert (await front.http.post(path, json={"model": MODEL})).status_code == 400
    assert (await front.http.post(path, json={})).status_code == 200


async def test_a_retry_that_is_sent_again_with_its_key_is_one_retry(
    front: Front, engine: ScriptedEngine
) -> None:
    made = await say(front, "hi", background=True)
    await ended(front, made)
    key = {"Idempotency-Key": "once"}
    first, second = await retried(front, made, **key), await retried(front, made, **key)
    assert first.id == second.id
    assert (await retried(front, made)).id != first.id


async def test_another_project_does_not_run_it_again(front: Front, engine: ScriptedEngine) -> None:
    made = await say(front, "hi", background=True)
    await ended(front, made)
    turns = len(engine.turns)
    foreign = front.openai_as(await front.key_of_another_project())
    messages = []
    for id in (made, "resp_unknown"):
        with pytest.raises(openai.NotFoundError) as refused:
            await foreign.post(f"/responses/{id}/retry", cast_to=Response)
        messages.append(refused.value.message.replace(id, "ID"))
    assert messages[0] == messages[1]
    assert len(engine.turns) == turns
