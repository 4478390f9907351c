"""Responses through OpenAI's client: at once, streamed, stored, and in the background."""

from __future__ import annotations

import openai
import pytest
from openai.types.responses import Response

from forebay.core.engine_errors import EngineFailed
from forebay.dialects.turn import Delta
from tests.api.conftest import MODEL, Front
from tests.fakes import Gate, ManualClock, ScriptedEngine, says, until


async def ended(front: Front, response_id: str) -> Response:
    """Return a background response once it has ended."""

    async def look() -> Response | None:
        response = await front.openai.responses.retrieve(response_id)
        return None if response.status in ("queued", "in_progress") else response

    return await until(look)


async def test_a_response_holds_text_and_usage(front: Front) -> None:
    response = await front.openai.responses.create(model=MODEL, input="hi")
    assert response.output_text == "Hello."
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert response.model_dump()["forebay"]["cost"] == {"amount": "0.000012", "currency": "USD"}


async def test_a_streamed_response_ends_with_the_whole_response(front: Front) -> None:
    stream = await front.openai.responses.create(model=MODEL, input="hi", stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "Hello."


async def test_the_stream_helper_gathers_the_whole_response(front: Front) -> None:
    async with front.openai.responses.stream(model=MODEL, input="hi") as stream:
        response = await stream.get_final_response()
    assert response.output_text == "Hello."


async def test_an_answer_cut_by_its_token_limit_is_incomplete(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append(says("Hel", finish_reason="length"))
    response = await front.openai.responses.create(model=MODEL, input="hi")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


async def test_a_response_can_be_looked_up_again(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi", metadata={"a": "b"})
    assert await front.openai.responses.retrieve(made.id) == made


async def test_a_streamed_response_is_stored_as_its_last_event_showed_it(front: Front) -> None:
    stream = await front.openai.responses.create(model=MODEL, input="hi", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.completed"
    assert await front.openai.responses.retrieve(last.response.id) == last.response


async def test_a_stream_that_broke_is_stored_as_its_last_event_showed_it(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([[Delta(text="Hel")], EngineFailed("broke")])
    stream = await front.openai.responses.create(model=MODEL, input="hi", stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.failed"
    assert await front.openai.responses.retrieve(last.response.id) == last.response


async def test_a_response_that_is_not_to_be_stored_is_not_found(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi", store=False)
    with pytest.raises(openai.NotFoundError):
        await front.openai.responses.retrieve(made.id)


async def test_a_background_response_is_queued_then_completed(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("Later.")])
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    assert made.status == "queued"
    assert made.service_tier == "flex"
    await gate.reached.wait()
    running = await front.openai.responses.retrieve(made.id)
    assert running.status == "in_progress"
    gate.open()
    response = await ended(front, made.id)
    assert (response.status, response.output_text) == ("completed", "Later.")
    extension = response.model_dump()["forebay"]
    assert (extension["window"], extension["attempt"]) == ("standard", 1)
    assert extension["cost"] == {"amount": "0.000006", "currency": "USD"}


async def test_an_ended_response_is_the_same_bytes_each_time(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    await ended(front, made.id)
    first, second = [await front.http.get(f"/v1/responses/{made.id}") for _ in range(2)]
    assert first.content == second.content


async def test_cancelling_ends_the_engines_turn_and_shows_no_output(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([[Delta(text="Half")], gate])
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    await gate.reached.wait()
    cancelled = await front.openai.responses.cancel(made.id)
    assert (cancelled.status, cancelled.output) == ("cancelled", [])
    await engine.was_cancelled.wait()
    assert await front.openai.responses.retrieve(made.id) == cancelled


async def test_cancelling_again_returns_the_same(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([Gate()])
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    first = await front.openai.responses.cancel(made.id)
    assert await front.openai.responses.cancel(made.id) == first


async def test_what_is_completed_cannot_be_cancelled(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    await ended(front, made.id)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a completed response"):
        await front.openai.responses.cancel(made.id)


async def test_a_synchronous_response_cannot_be_cancelled(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await front.openai.responses.cancel(made.id)


async def test_a_deleted_response_is_gone(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi")
    await front.openai.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await front.openai.responses.retrieve(made.id)


async def test_a_running_response_is_not_deleted(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append([Gate()])
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    with pytest.raises(openai.BadRequestError, match="in-flight"):
        await front.openai.responses.delete(made.id)


async def test_a_background_response_can_run_at_once(front: Front) -> None:
    made = await front.openai.responses.create(
        model=MODEL, input="hi", background=True, metadata={"completion_window": "asap"}
    )
    assert (await ended(front, made.id)).service_tier == "default"


async def test_the_webhooks_token_is_never_shown(front: Front) -> None:
    made = await front.openai.responses.create(
        model=MODEL,
        input="hi",
        background=True,
        metadata={"completion_webhook": "https://hook.invalid/", "webhook_token": "s3cret"},
    )
    await ended(front, made.id)
    shown = (await front.http.get(f"/v1/responses/{made.id}")).text
    assert "s3cret" not in shown + made.model_dump_json()
    assert "hook.invalid" in shown


@pytest.mark.parametrize("url", ["ftp://example.com/", "nonsense", "http://[::1"])
async def test_a_webhook_that_cannot_be_called_is_refused(front: Front, url: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await front.openai.responses.create(
            model=MODEL, input="hi", background=True, metadata={"completion_webhook": url}
        )
    assert refused.value.param == "metadata.completion_webhook"


async def test_a_stored_response_is_not_streamed_again(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi")
    with pytest.raises(openai.BadRequestError) as refused:
        await front.openai.responses.retrieve(made.id, stream=True)
    assert refused.value.param == "stream"


async def test_a_failed_attempt_is_tried_again_after_its_pause(
    front: Front, engine: ScriptedEngine, clock: ManualClock
) -> None:
    engine.queue.append([EngineFailed("it broke")])
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)

    async def has_paused() -> bool:
        found = await front.openai.responses.retrieve(made.id)
        return found.status == "queued" and len(engine.turns) == 1

    await until(has_paused)
    clock.move(1)
    await front.openai.responses.create(model=MODEL, input="wakes it", background=True)
    assert (await ended(front, made.id)).model_dump()["forebay"]["attempt"] == 2


async def test_another_project_is_told_the_same_as_of_an_unknown_id(front: Front) -> None:
    made = await front.openai.responses.create(model=MODEL, input="hi")
    foreign = front.openai_as(await front.key_of_another_project())
    for act in (
        foreign.responses.retrieve,
        foreign.responses.cancel,
        foreign.responses.delete,
    ):
        messages = []
        for response_id in (made.id, "resp_unknown"):
            with pytest.raises(openai.NotFoundError) as refused:
                await act(response_id)
            messages.append(refused.value.message.replace(response_id, "ID"))
        assert messages[0] == messages[1]
    assert await front.openai.responses.retrieve(made.id) == made


async def test_what_is_incomplete_cannot_be_cancelled(front: Front, engine: ScriptedEngine) -> None:
    engine.queue.append(says("cut", finish_reason="length"))
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True)
    assert (await ended(front, made.id)).status == "incomplete"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel an incomplete response"):
        await front.openai.responses.cancel(made.id)
