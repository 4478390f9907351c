"""Stored responses: waiting for their end, listing them, and streams that are kept no longer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from forebay.core.clock import after
from forebay.core.errors import InvalidParameter, NotFound
from forebay.core.windows import DEFAULT_WINDOWS
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.outlook import Outlook
from forebay.lanes.stored_responses import StoredResponses
from forebay.store.response_lists import Wanted
from forebay.store.signals import Topic
from tests.conftest import OTHER_PROJECT
from tests.fakes import Gate, looped, says
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running

FOREIGN = Caller(project_id=OTHER_PROJECT, key_id="key_2")
LONG_S = 600.0


async def shown(house: House, request_id: str, *, wait_s: float = 0.0) -> JsonObject:
    """Return a response as its caller gets it."""
    found: JsonObject = json.loads(await house.responses.get(CALLER, request_id, wait_s=wait_s))
    return found


async def listed(house: House, caller: Caller = CALLER, **others: Any) -> JsonObject:
    """Return a page; what is not about paging is wanted."""
    paging: dict[str, Any] = {"after": None, "limit": 20, "is_oldest_first": True}
    values = {name: others.pop(name, value) for name, value in paging.items()}
    found: JsonObject = json.loads(await house.responses.page(caller, Wanted(**others), **values))
    return found


async def is_watched(house: House, request_id: str) -> bool:
    """Let everything settle, and tell whether anybody waits for this response."""
    await looped()
    return (Topic.CHANGED, request_id) in house.store.signals._watched


async def test_a_wait_ends_when_the_response_does(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([gate, *says("done")])
    request_id = await house.submit(store=True)
    async with running(house.worker.run):
        waiting = asyncio.create_task(shown(house, request_id, wait_s=LONG_S))
        await gate.reached.wait()
        assert not waiting.done()
        gate.open()
        assert (await waiting)["status"] == "completed"
    assert not await is_watched(house, request_id)


async def test_a_wait_that_is_over_shows_how_the_response_stands(house: House) -> None:
    request_id = await house.submit(store=True)
    assert (await shown(house, request_id, wait_s=0.001))["status"] == "queued"


async def test_a_wait_is_woken_by_the_signal_and_not_by_looking_again(house: House) -> None:
    request_id = await house.submit(store=True)
    waiting = asyncio.create_task(shown(house, request_id, wait_s=LONG_S))
    while not await is_watched(house, request_id):
        pass
    await house.background.cancel(CALLER, request_id)
    async with asyncio.timeout(1):
        assert (await waiting)["status"] == "cancelled"


async def test_a_wait_outlasts_the_events_of_a_stream(house: House) -> None:
    request_id = await house.submit(store=True)
    waiting = asyncio.create_task(shown(house, request_id, wait_s=LONG_S))
    while not await is_watched(house, request_id):
        pass
    house.store.signals.send(Topic.CHANGED, request_id)
    assert await is_watched(house, request_id)
    assert not waiting.done()
    await house.background.cancel(CALLER, request_id)
    await waiting


async def test_a_wait_that_is_left_leaves_nothing_behind(house: House) -> None:
    request_id = await house.submit(store=True)
    waiting = asyncio.create_task(shown(house, request_id, wait_s=LONG_S))
    while not await is_watched(house, request_id):
        pass
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not await is_watched(house, request_id)


async def test_nobody_waits_for_a_response_of_another_project(house: House) -> None:
    request_id = await house.submit(store=True)
    with pytest.raises(NotFound):
        await house.responses.get(FOREIGN, request_id, wait_s=LONG_S)


async def test_a_waiting_response_shows_its_place(house: House) -> None:
    ids = [await house.submit(store=True) for _ in range(2)]
    found: Any = [await shown(house, request_id) for request_id in ids]
    assert [response["forebay"]["position"] for response in found] == [1, 2]


async def test_a_running_response_shows_its_progress(house: House) -> None:
    gate = Gate()
    house.engine.queue.append([*says("one", "two")[:2], gate, *says("done")])
    request_id = await house.submit(store=True)
    async with running(house.worker.run):
        await gate.reached.wait()
        house.clock.move(3)
        response: Any = await shown(house, request_id)
        assert response["forebay"]["progress"] == {"output_tokens": 2, "elapsed_s": 3.0}
        gate.open()
        await house.ended(request_id)
    assert "progress" not in str(await shown(house, request_id))


async def test_a_list_shows_each_response_as_it_is_shown_alone(house: House) -> None:
    gate = Gate()
    house.engine.queue += [says("done"), [gate]]
    async with running(house.worker.run):
        ended = await house.submit(store=True)
        await house.ended(ended)
        runs = await house.submit(store=True)
        await gate.reached.wait()
        house.worker.stop_claiming()
        waits = await house.submit(store=True)
        page = await listed(house)
        assert page["data"] == [await shown(house, id) for id in (ended, runs, waits)]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (ended, waits)


async def test_a_page_tells_whether_there_are_more(house: House) -> None:
    ids = [await house.submit(store=True) for _ in range(3)]
    first = await listed(house, limit=2)
    assert (first["last_id"], first["has_more"]) == (ids[1], True)
    rest = await listed(house, limit=2, after=first["last_id"])
    assert (rest["first_id"], rest["last_id"], rest["has_more"]) == (ids[2], ids[2], False)


async def test_an_empty_list_has_no_first_and_no_last(house: House) -> None:
    assert await listed(house) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


async def test_a_list_has_nothing_of_another_project(house: House) -> None:
    request_id = await house.submit(store=True)
    assert (await listed(house, FOREIGN))["data"] == []
    messages = []
    for after_id in (request_id, "resp_unknown"):
        with pytest.raises(InvalidParameter) as refused:
            await listed(house, FOREIGN, after=after_id)
        assert refused.value.param == "after"
        messages.append(str(refused.value).replace(after_id, "ID"))
    assert messages[0] == messages[1]


async def test_a_model_may_be_looked_for_by_its_alias(house: House) -> None:
    request_id = await house.submit(store=True)
    house.serve("large")
    assert (await listed(house, model="tiny-alias"))["first_id"] == request_id
    assert (await listed(house, model="large"))["data"] == []


def restarted(house: House) -> StoredResponses:
    """Return the stored responses of a new process, which no engine has told of its models yet."""
    outlook = Outlook(house.store.paces, clock=house.clock, progress=lambda _: None)
    return StoredResponses(
        house.admission,
        Catalogue(),
        house.contexts,
        outlook,
        house.store,
        windows=DEFAULT_WINDOWS,
    )


async def test_what_was_made_with_a_model_that_is_away_is_still_found(house: House) -> None:
    request_id = await house.submit(store=True)
    responses = restarted(house)
    for wanted, found in (
        (Wanted(model="tiny"), [request_id]),
        (Wanted(window="standard"), [request_id]),
        (Wanted(model="nope"), []),
    ):
        page = await responses.page(CALLER, wanted, after=None, limit=9, is_oldest_first=True)
        assert [response["id"] for response in json.loads(page)["data"]] == found


async def test_a_window_that_is_not_configured_is_refused_with_those_that_are(
    house: House,
) -> None:
    with pytest.raises(InvalidParameter, match="'standard', '24h', '1h'") as refused:
        await listed(house, window="soon")
    assert refused.value.param == "window"


async def test_a_stream_whose_events_are_forgotten_is_refused(house: House) -> None:
    request_id = await house.submit(store=True, stream=True)
    await house.responses.check_events(CALLER, request_id)
    async with running(house.worker.run):
        await house.ended(request_id)
    await house.responses.check_events(CALLER, request_id)
    await house.store.events.forget(finished_before=after(house.clock.now(), 1))
    with pytest.raises(InvalidParameter, match="no longer kept") as refused:
        await house.responses.check_events(CALLER, request_id)
    assert refused.value.param == "stream"
    with pytest.raises(NotFound):
        await house.responses.check_events(FOREIGN, request_id)
