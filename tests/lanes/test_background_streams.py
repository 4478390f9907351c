"""Background streams: kept before they are shown, and whole whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json

import pytest

from forebay.core.engine_errors import EngineUnavailable
from forebay.core.errors import InvalidParameter, NotFound, PromptRejected
from forebay.core.money import Usage
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.dialects.turn import Delta
from forebay.lanes.admission import Caller
from tests.conftest import OTHER_PROJECT
from tests.fakes import Gate, Step, says, until
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.lanes.streams import numbers_of, seen_until, text_of, whole_stream

DELTA = "response.output_text.delta"


def pieces(*texts: str) -> list[Step]:
    """Return the beginning of an answer."""
    return [[Delta(text=text)] for text in texts]


async def stopped_in(house: House, request_id: str, gate: Gate) -> None:
    """Run a worker until the engine stands at the gate, then stop it."""
    async with running(house.worker.run):
        await gate.reached.wait()
        await seen_until(house, request_id, DELTA)


async def test_the_stream_begins_when_the_response_is_submitted(house: House) -> None:
    request_id = await house.submit(stream=True)
    events = await seen_until(house, request_id, "response.queued")
    assert [event["type"] for event in events] == ["response.created", "response.queued"]
    assert events[0]["response"]["status"] == "queued"


async def test_a_stream_is_numbered_without_gaps_and_ends_as_the_object(house: House) -> None:
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    assert numbers_of(events) == list(range(len(events)))
    assert text_of(events) == "Hello."
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"] == json.loads(await house.responses.get(CALLER, request_id))


async def test_a_stream_can_be_read_again_from_any_number(house: House) -> None:
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    for number in range(-1, len(events) + 1):
        again = await whole_stream(house, request_id, starting_after=number)
        assert again == events[number + 1 :]


async def test_any_number_of_readers_follow_it_live(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([*pieces("Hel"), gate, *says("lo.")])
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        readers = [asyncio.create_task(whole_stream(house, request_id)) for _ in range(5)]
        await seen_until(house, request_id, DELTA)
        gate.open()
        streams = [await reader for reader in readers]
    assert all(stream == streams[0] for stream in streams)
    assert text_of(streams[0]) == "Hello."


async def test_a_reader_that_leaves_changes_nothing(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([*pieces("Hel"), gate, *says("lo.")])
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        await seen_until(house, request_id, DELTA)
        gate.open()
        request = await house.ended(request_id)
    assert request.status is RequestStatus.COMPLETED


async def test_tokens_that_come_together_are_kept_together(house: House) -> None:
    house.engine.queue.append(says(*"a long answer in many small pieces"))
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    groups = await house.store.events.following(request_id, number=-1, limit=1000)
    assert len(groups) < len(events) / 3


async def test_the_next_attempt_goes_on_from_the_text_that_was_shown(house: House) -> None:
    gate = Gate()
    house.engine.queue += [[*pieces("The", " sky "), gate], says(" is", " blue.")]
    request_id = await house.submit(stream=True, max_output_tokens=50)
    await stopped_in(house, request_id, gate)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    turn = house.engine.turns[1]
    assert turn.messages[-1] == {"role": "assistant", "content": "The sky "}
    assert turn.max_output_tokens == 48
    assert text_of(events) == "The sky is blue."
    assert numbers_of(events) == list(range(len(events)))
    assert [event["type"] for event in events].count("response.output_item.added") == 1
    (item,) = events[-1]["response"]["output"]
    assert item["content"][0]["text"] == "The sky is blue."
    assert item["id"] == events[-2]["item"]["id"]


async def test_what_was_given_before_is_charged_as_output_and_not_as_prompt(house: House) -> None:
    gate = Gate()
    usage = Usage(input_tokens=12, cached_tokens=12, output_tokens=3)
    house.engine.queue += [[*pieces("a", "b"), gate], says("c", "d", "e", usage=usage)]
    request_id = await house.submit(stream=True)
    await stopped_in(house, request_id, gate)
    async with running(house.worker.run):
        request = await house.ended(request_id)
    assert request.answer is not None
    told = json.loads(request.answer)["usage"]
    assert (told["input_tokens"], told["output_tokens"]) == (10, 5)
    count, charged, _ = await house.store.ledger.total(DEFAULT_PROJECT)
    assert (count, charged.input_tokens, charged.output_tokens) == (1, 10, 5)


async def test_an_attempt_whose_engine_broke_is_gone_on_with_too(house: House) -> None:
    house.engine.queue += [[*pieces("One", " two"), EngineUnavailable("gone")], says(" three")]
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):

        async def waits_again() -> bool:
            request = await house.kept(request_id)
            return request.status is RequestStatus.QUEUED and request.attempt == 1

        await until(waits_again)
        house.clock.move(60)
        house.look_again()
        events = await whole_stream(house, request_id)
    assert text_of(events) == "One two three"


async def test_a_template_that_refuses_a_begun_answer_starts_over(house: House) -> None:
    gate = Gate()
    house.engine.queue += [[*pieces("Half"), gate], [PromptRejected("no prefill")], says("Whole.")]
    request_id = await house.submit(stream=True)
    await stopped_in(house, request_id, gate)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    assert numbers_of(events) == list(range(len(events)))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Whole."
    assert events[-1]["type"] == "response.completed"
    assert house.replica.in_flight == 0


async def test_an_engine_that_cannot_go_on_starts_over(house: House) -> None:
    house.engine.takes_prefill = False
    gate = Gate()
    house.engine.queue += [[*pieces("Half"), gate], says("Whole.")]
    request_id = await house.submit(stream=True)
    await stopped_in(house, request_id, gate)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    assert numbers_of(events) == list(range(len(events)))
    assert len(house.engine.turns[1].messages) == 1
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [(item["status"], item["content"][0]["text"]) for item in done] == [
        ("incomplete", "Half"),
        ("completed", "Whole."),
    ]
    assert events[-1]["response"]["output"] == [done[1]]


async def test_cancelling_ends_the_stream_at_once(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([*pieces("Hel"), gate])
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        reader = asyncio.create_task(whole_stream(house, request_id))
        await seen_until(house, request_id, DELTA)
        await house.background.cancel(CALLER, request_id)
        events = await reader
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["status"] == "cancelled"
    assert events[-1]["response"]["output"] == []
    assert numbers_of(events) == list(range(len(events)))


async def test_a_stream_that_waits_is_ended_by_cancelling(house: House) -> None:
    request_id = await house.submit(stream=True)
    await house.background.cancel(CALLER, request_id)
    events = await whole_stream(house, request_id)
    assert [event["type"] for event in events][-2:] == ["response.queued", "response.failed"]


async def test_a_stream_that_expires_ends_as_failed(house: House) -> None:
    request_id = await house.submit(stream=True)
    house.clock.move(86_400)
    await house.expirer.expire()
    events = await whole_stream(house, request_id)
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"] == "expired"


async def test_a_turn_that_fails_ends_its_stream_as_failed(house: House) -> None:
    house.engine.queue.append([*pieces("Half"), PromptRejected("bad")])
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        events = await whole_stream(house, request_id)
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"] == json.loads(await house.responses.get(CALLER, request_id))


async def test_who_lost_the_lease_shows_nothing_more(house: House) -> None:
    gate = Gate()
    house.engine.queue += [[*pieces("stale"), gate, *says(" words")], says(" and fresh")]
    request_id = await house.submit(stream=True)
    async with running(house.worker.run):
        await seen_until(house, request_id, DELTA)
        await house.store.leases.void_all()
        house.look_again()
        gate.open()
        events = await whole_stream(house, request_id)
    assert text_of(events) == "stale and fresh"
    assert numbers_of(events) == list(range(len(events)))
    assert (await house.charges())[0] == 1


async def test_only_background_responses_with_a_stream_have_one(house: House) -> None:
    request_id = await house.submit()
    with pytest.raises(InvalidParameter, match="not created with stream=true"):
        await whole_stream(house, request_id)
    accepted = house.admit(store=True)
    await house.realtime().answer(accepted)
    with pytest.raises(InvalidParameter, match="not created with background=true"):
        await whole_stream(house, accepted.call.id)


async def test_another_project_has_no_part_in_a_stream(house: House) -> None:
    request_id = await house.submit(stream=True)
    foreign = Caller(project_id=OTHER_PROJECT, key_id="key_2")
    stream = house.background.events(foreign, request_id)
    with pytest.raises(NotFound):
        await anext(stream)
