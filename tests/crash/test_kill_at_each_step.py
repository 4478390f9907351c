"""A server killed at any step of a background response: it ends once, is charged once, told once.

Another process goes on: the next on the same data directory, or one that shares the database.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.readers import DELTA, numbers_of, text_of
from tests.crash.rote_engine import PIECES, answer_to, rote_engine
from tests.crash.sites import postgres_site, sqlite_site
from tests.crash.steps import SAID, SLOTS, STREAMED, TOKEN, Aftermath, Name, Step, Story
from tests.lanes.receivers import receiving
from tests.postgres_server import PostgresServer

TAKEOVER_S = 20.0  # twice what it takes: leases of some seconds have to run out
RUNNING = (Step.CLAIMED, Step.SPEAKING, Step.SPOKEN)

Told = dict[Step, Aftermath | BaseException]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The stories of all steps. They are told at once, for most of each is waiting for leases."""
    folder = tmp_path_factory.mktemp("steps")
    for step in Step:
        (folder / step.name).mkdir()
    postgres = None
    if request.param == "postgres":
        postgres = request.getfixturevalue("postgres_server")

    async def tell() -> Told:
        telling = [_told(step, folder / step.name, postgres) for step in Step]
        ends = await asyncio.gather(*telling, return_exceptions=True)
        return dict(zip(Step, ends, strict=True))

    return asyncio.run(tell())


async def _told(step: Step, folder: Path, postgres: PostgresServer | None) -> Aftermath:
    async with rote_engine() as engine, receiving() as receiver:
        if postgres is None:
            async with sqlite_site(folder, engine, slots=SLOTS) as site:
                return await Story(step, site, engine, receiver).told()
        async with postgres_site(folder, engine, postgres, slots=SLOTS) as pair:
            return await Story(step, pair, engine, receiver).told()


@pytest.fixture(params=Step)
def after(told: Told, request: pytest.FixtureRequest) -> Aftermath:
    """The aftermath of a crash at a step."""
    end = told[request.param]
    if isinstance(end, BaseException):
        raise end
    return end


def test_the_crash_hits_its_step(after: Aftermath) -> None:
    expected = {
        Step.INSERTED: ("queued", 0),
        Step.CLAIMED: ("in_progress", 1),
        Step.SPEAKING: ("in_progress", 1),
        Step.SPOKEN: ("in_progress", 1),
        Step.SETTLED: ("completed", 1),
    }
    crash = after.crash
    assert {(row["status"], row["attempt"]) for row in crash.requests} == {expected[after.step]}
    assert len(crash.requests) == len(Name)
    has_spoken = after.step in (Step.SPOKEN, Step.SETTLED)
    assert crash.ended_count == (len(Name) if has_spoken else 0)
    assert len(crash.calls) == (2 * len(Name) if after.step is Step.SETTLED else 0)


def test_every_response_that_was_acknowledged_is_completed(after: Aftermath) -> None:
    for name in Name:
        response = after.polled[name]
        assert response.id == after.crash.ids[name]
        assert response.status == "completed"
        assert response.output_text == answer_to(name.value)
        assert len(response.output) == 1
    assert set(after.requests) == set(after.crash.ids.values())


def test_another_takes_over_within_seconds(after: Aftermath) -> None:
    assert after.took_s < TAKEOVER_S


def test_the_engine_is_asked_again_only_for_what_was_running(after: Aftermath) -> None:
    times = 2 if after.step in RUNNING else 1
    asked = Counter(asked.prompt for asked in after.asked if asked.prompt in list(Name))
    assert asked == dict.fromkeys([name.value for name in Name], times)
    assert [row["attempt"] for row in after.requests.values()] == [times] * len(Name)
    assert [row["failures"] for row in after.requests.values()] == [0] * len(Name)


def test_each_response_is_charged_once_and_for_its_own_tokens(after: Aftermath) -> None:
    charges = [row for row in after.ledger if row["kind"] == "charge"]
    charged = {
        str(row["subject_id"]): (row["input_tokens"], row["output_tokens"]) for row in charges
    }
    words = {after.crash.ids[name]: len(name.value.split()) for name in Name}
    assert len(charges) == len(Name)
    assert charged == {id: (count, PIECES) for id, count in words.items()}


def test_only_what_was_shown_and_not_gone_on_with_is_waste(after: Aftermath) -> None:
    wasted = [str(row["subject_id"]) for row in after.ledger if row["kind"] == "waste"]
    has_shown = after.step in (Step.SPEAKING, Step.SPOKEN)
    assert wasted == ([f"{after.crash.ids[Name.TOOLED]}/1"] if has_shown else [])


def test_each_end_is_one_event_however_often_it_is_told(after: Aftermath) -> None:
    for response_id in after.crash.ids.values():
        own = [row for row in after.deliveries if row["subject_id"] == response_id]
        assert len({row["event_id"] for row in own}) == 1
        assert sorted(row["endpoint_id"] is not None for row in own) == [False, True]
        assert all(row["delivered_at"] is not None for row in own)
    told = {call.headers["webhook-id"] for call in after.calls}
    assert told == {row["event_id"] for row in after.deliveries}
    assert len(told) == len(Name)


def test_a_call_that_was_under_way_comes_again_and_no_other(after: Aftermath) -> None:
    times = Counter((call.path, call.headers["webhook-id"]) for call in after.calls)
    expected = 2 if after.step is Step.SETTLED else 1
    assert list(times.values()) == [expected] * 2 * len(Name)


def test_a_call_that_comes_again_says_the_same(after: Aftermath) -> None:
    said = {(call.path, call.headers["webhook-id"], call.body) for call in after.calls}
    assert len(said) == 2 * len(Name)
    for name in Name:
        own = [call for call in after.calls if call.path == f"/hook/{name.name}"]
        assert all(call.headers["Authorization"] == f"Bearer {TOKEN}" for call in own)


def test_the_numbers_of_a_stream_rise_by_one_across_the_crash(after: Aftermath) -> None:
    for name in STREAMED:
        seen = after.seen[name]
        assert numbers_of(seen.whole) == list(range(len(seen.whole)))
        assert seen.until_crash + seen.afterwards == seen.whole


def test_a_reader_may_come_back_with_any_number(after: Aftermath) -> None:
    for seen in after.seen.values():
        assert seen.behind == [seen.whole[number + 1 :] for number in range(len(seen.whole))]


def test_who_reads_by_another_server_need_not_come_back(after: Aftermath) -> None:
    for seen in after.seen.values():
        assert seen.live in (None, seen.whole)


def test_the_final_object_is_that_of_the_stream(after: Aftermath) -> None:
    for name in STREAMED:
        last = after.seen[name].whole[-1]
        assert last["type"] == "response.completed"
        assert last["response"] == after.objects[name]


def test_a_text_goes_on_where_it_was_cut(after: Aftermath) -> None:
    seen = after.seen[Name.STREAMED].whole
    assert text_of(seen) == answer_to(Name.STREAMED.value)
    assert [event["type"] for event in seen].count("response.output_item.added") == 1
    begun = [asked.begun for asked in after.asked if asked.prompt == Name.STREAMED.value]
    if after.step in (Step.SPEAKING, Step.SPOKEN):
        shown = text_of(after.seen[Name.STREAMED].until_crash)
        assert len(begun[1]) > 0 and begun[1].startswith(shown)
    else:
        assert not any(begun)


def test_a_text_that_cannot_go_on_starts_over_as_a_new_item(after: Aftermath) -> None:
    seen = after.seen[Name.TOOLED].whole
    done = [event for event in seen if event["type"] == "response.output_item.done"]
    is_cut = after.step in (Step.SPEAKING, Step.SPOKEN)
    expected = ["incomplete", "completed"] if is_cut else ["completed"]
    assert [event["item"]["status"] for event in done] == expected
    assert [event["output_index"] for event in done] == list(range(len(done)))
    assert after.objects[Name.TOOLED]["output"] == [done[-1]["item"]]


def test_what_is_shown_before_the_crash_is_a_part_of_the_answer(after: Aftermath) -> None:
    deltas = [event["type"] for event in after.seen[Name.STREAMED].until_crash].count(DELTA)
    expected = {Step.INSERTED: 0, Step.CLAIMED: 0, Step.SPEAKING: SAID, Step.SETTLED: PIECES}
    assert deltas == expected.get(after.step, deltas)
