"""The streams of background responses, read again: live, after their end, and from a cursor."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import openai
import pytest

from forebay.settings import Settings
from forebay.wiring.data_directory import DATABASE_FILE
from tests.api.conftest import MODEL, Front
from tests.api.described import description_of
from tests.api.response_calls import say
from tests.api.test_responses import ended
from tests.fakes import Gate, ScriptedEngine, says

DONE = "data: [DONE]\n\n"


async def streamed(front: Front, input: str = "hi") -> str:
    """Return the id of a background response that is streamed; its caller has left."""
    stream = await front.openai.responses.create(
        model=MODEL, input=input, background=True, stream=True
    )
    async for event in stream:
        await stream.close()
        assert event.type == "response.created"
        return event.response.id
    raise AssertionError("there is no event")


async def events_of(front: Front, response_id: str, **others: Any) -> list[Any]:
    """Return the events of a stored response to the end of its stream."""
    stream: Any = await front.openai.responses.retrieve(response_id, stream=True, **others)
    return [event async for event in stream]


async def test_a_stream_is_read_again_after_its_end(front: Front) -> None:
    response_id = await streamed(front)
    response = await ended(front, response_id)
    events = await events_of(front, response_id)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.queued"]
    assert events[-1].response == response


async def test_a_stream_is_read_live_by_whoever_comes(front: Front, engine: ScriptedEngine) -> None:
    gate = Gate()
    engine.queue.append([*says("Hel")[:1], gate, *says("lo.")])
    response_id = await streamed(front)
    stream: Any = await front.openai.responses.retrieve(response_id, stream=True)
    texts = []
    async for event in stream:
        if event.type == "response.output_text.delta":
            texts.append(event.delta)
            gate.open()
    assert "".join(texts) == "Hello."


async def test_a_stream_goes_on_after_a_cursor(front: Front) -> None:
    response_id = await streamed(front)
    await ended(front, response_id)
    whole = await events_of(front, response_id)
    for number in (0, 3, len(whole) - 2):
        rest = await events_of(front, response_id, starting_after=number)
        assert rest == whole[number + 1 :]


@pytest.mark.parametrize("number", ["1000", "999999999999999999", "1" + "0" * 5000])
async def test_behind_the_end_there_is_nothing_but_the_end(front: Front, number: str) -> None:
    response_id = await streamed(front)
    await ended(front, response_id)
    path = f"/v1/responses/{response_id}?stream=true&starting_after={number}"
    answer = await front.http.get(path)
    assert (answer.status_code, answer.text) == (200, DONE)


async def test_the_stream_helper_follows_a_stored_response(front: Front) -> None:
    response_id = await streamed(front)
    async with front.openai.responses.stream(response_id=response_id, starting_after=2) as stream:
        response = await stream.get_final_response()
    assert response.output_text == "Hello."


async def test_a_reader_that_leaves_ends_nothing_but_its_reading(
    front: Front, engine: ScriptedEngine
) -> None:
    gate = Gate()
    engine.queue.append([gate, *says("Hello.")])
    response_id = await streamed(front)
    await gate.reached.wait()
    stream: Any = await front.openai.responses.retrieve(response_id, stream=True)
    async for _ in stream:
        break
    await stream.close()
    gate.open()
    assert (await ended(front, response_id)).output_text == "Hello."


async def test_a_cancelled_response_ends_its_stream_as_failed(
    front: Front, engine: ScriptedEngine
) -> None:
    engine.queue.append([Gate()])
    response_id = await streamed(front)
    await front.openai.responses.cancel(response_id)
    last = (await events_of(front, response_id))[-1]
    assert (last.type, last.response.status) == ("response.failed", "cancelled")


async def test_the_stream_has_the_headers_of_a_stream_and_each_id_once(front: Front) -> None:
    response_id = await streamed(front)
    answer = await front.http.get(f"/v1/responses/{response_id}?stream=true")
    headers = answer.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")
    for name in ("x-request-id", "request-id", "openai-version", "openai-processing-ms"):
        assert len(headers.get_list(name)) == 1
    assert "content-length" not in headers


async def test_every_event_that_is_read_again_is_described(front: Front) -> None:
    response_id = await streamed(front)
    await ended(front, response_id)
    description = await description_of(front)
    description.check(await front.http.get(f"/v1/responses/{response_id}?stream=true"))


async def test_a_wish_for_events_in_the_headers_alone_is_answered_with_json(front: Front) -> None:
    response_id = await streamed(front)
    answer = await front.http.get(
        f"/v1/responses/{response_id}", headers={"accept": "text/event-stream"}
    )
    assert answer.json()["id"] == response_id


async def test_a_response_that_was_not_streamed_has_no_stream(front: Front) -> None:
    for others, missing in (({}, "background=true"), ({"background": True}, "stream=true")):
        made = await say(front, "hi", **others)
        with pytest.raises(openai.BadRequestError, match=missing) as refused:
            await front.openai.responses.retrieve(made, stream=True)
        assert refused.value.param == "stream"


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_stream_that_is_kept_no_longer_is_refused(front: Front, settings: Settings) -> None:
    response_id = await streamed(front)
    await ended(front, response_id)
    with closing(sqlite3.connect(settings.folder / DATABASE_FILE)) as connection, connection:
        connection.execute("DELETE FROM event_group")
    with pytest.raises(openai.BadRequestError, match="no longer kept"):
        await front.openai.responses.retrieve(response_id, stream=True)
    assert (await front.openai.responses.retrieve(response_id)).output_text == "Hello."


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("stream=true&starting_after=x", "starting_after"),
        ("stream=true&starting_after=1.5", "starting_after"),
        ("stream=true&starting_after=", "starting_after"),
        ("starting_after=1", "starting_after"),
        ("stream=true&wait=1", "wait"),
        ("stream=perhaps", "stream"),
        ("stream=true&stream=true", "stream"),
        ("stream=true&starting_after=%D9%A3", "starting_after"),
        ("straem=true", "straem"),
    ],
)
async def test_what_makes_no_sense_of_a_stream_is_refused(
    front: Front, query: str, param: str
) -> None:
    response_id = await streamed(front)
    answer = await front.http.get(f"/v1/responses/{response_id}?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_what_the_vendors_clients_send_is_taken(front: Front) -> None:
    made = await say(front, "hi")
    include: Any = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    found = await front.openai.responses.retrieve(
        made, include=include, include_obfuscation=False, extra_query={"beta": "true", "wait": 1}
    )
    assert found.id == made


async def test_another_project_is_told_the_same_as_of_an_unknown_stream(front: Front) -> None:
    response_id = await streamed(front)
    foreign = front.openai_as(await front.key_of_another_project())
    messages = []
    for id in (response_id, "resp_unknown"):
        with pytest.raises(openai.NotFoundError) as refused:
            await foreign.responses.retrieve(id, stream=True)
        messages.append(refused.value.message.replace(id, "ID"))
    assert messages[0] == messages[1]
