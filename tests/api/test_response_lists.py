"""The list of responses, through the pages of OpenAI's client."""

from __future__ import annotations

from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.pagination import AsyncCursorPage
from openai.types.responses import Response

from tests.api.conftest import Front
from tests.api.response_calls import busy, say
from tests.api.test_responses import ended
from tests.fakes import ManualClock, ScriptedEngine


async def listed(client: AsyncOpenAI, **query: Any) -> list[Response]:
    """Return all the responses of a list, page by page."""
    pages = client.get_api_list(
        "/responses",
        page=AsyncCursorPage[Response],
        model=Response,
        options={"params": query},
    )
    return [response async for response in pages]


async def ids(front: Front, **query: Any) -> list[str]:
    """Return the ids of a list."""
    return [response.id for response in await listed(front.openai, **query)]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_follow_each_other_to_the_end(front: Front, order: str) -> None:
    made = [await say(front, "hi") for _ in range(5)]
    expected = made if order == "asc" else made[::-1]
    assert await ids(front, order=order, limit=2) == expected


async def test_the_newest_come_first_unless_asked_otherwise(front: Front) -> None:
    made = [await say(front, "hi") for _ in range(2)]
    assert await ids(front) == made[::-1]


async def test_each_response_is_listed_as_it_is_shown_alone(
    front: Front, engine: ScriptedEngine
) -> None:
    done = await say(front, "hi", metadata={"a": "b"})
    async with busy(front, engine):
        waits = await say(front, "waits", background=True)
        found = {response.id: response for response in await listed(front.openai)}
        for id in (done, waits):
            assert found[id] == await front.openai.responses.retrieve(id)


async def test_a_status_is_found_while_responses_run_and_wait(
    front: Front, engine: ScriptedEngine
) -> None:
    done = await say(front, "hi")
    async with busy(front, engine):
        waits = await say(front, "waits", background=True)
        assert await ids(front, status="queued") == [waits]
        assert await ids(front, status="completed") == [done]
        assert len(await ids(front, status="in_progress")) == 2
        await front.openai.responses.cancel(waits)
        assert await ids(front, status="cancelled") == [waits]


async def test_filters_can_be_put_together(front: Front) -> None:
    run = {"session": "run 1", "group": "nightly"}
    wanted = await say(front, "hi", background=True, metadata=run)
    await say(front, "hi", metadata=run)
    await say(front, "hi", background=True, metadata={"session": "run 2"})
    plain = await say(front, "hi")
    await ended(front, wanted)
    filters = {"session": "run 1", "group": "nightly", "background": "true", "model": "small"}
    assert await ids(front, **filters, status="completed", window="standard") == [wanted]
    assert len(await ids(front, group="nightly")) == 2
    assert await ids(front, group="nightly", window="asap", background="true") == []
    assert plain in await ids(front, background="false")


async def test_a_time_is_from_its_beginning_to_before_its_end(
    front: Front, clock: ManualClock
) -> None:
    made = []
    for _ in range(3):
        made.append(await say(front, "hi"))
        clock.move(1)
    begin = clock.now() // 1000 - 3
    assert await ids(front, created_after=begin + 1) == [made[2], made[1]]
    assert await ids(front, created_before=begin + 1) == [made[0]]
    assert await ids(front, created_after=begin + 1, created_before=begin + 2) == [made[1]]


async def test_what_is_not_stored_or_deleted_is_not_listed(front: Front) -> None:
    await say(front, "hi", store=False)
    gone = await say(front, "hi")
    await front.openai.responses.delete(gone)
    assert await ids(front) == []


@pytest.mark.parametrize(
    ("query", "param", "told"),
    [
        ("status=done", "status", "'in_progress'"),
        ("window=soon", "window", "'standard'"),
        ("background=maybe", "background", "'true' or 'false'"),
        ("created_after=yesterday", "created_after", "Unix seconds"),
        ("created_before=-1", "created_before", "Unix seconds"),
        ("limit=0", "limit", "1 to 100"),
        ("limit=101", "limit", "1 to 100"),
        ("limit=%D9%A3", "limit", "1 to 100"),
        ("order=up", "order", "'asc' or 'desc'"),
        ("after=resp_unknown", "after", "'resp_unknown'"),
        ("stauts=failed", "stauts", "'status'"),
        ("status=failed&status=queued", "status", "more than once"),
        ("session=%00", "session", "character"),
    ],
)
async def test_what_cannot_be_looked_for_is_refused_with_what_can(
    front: Front, query: str, param: str, told: str
) -> None:
    answer = await front.http.get(f"/v1/responses?{query}")
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert told in error["message"]


async def test_a_list_has_nothing_of_another_project(front: Front) -> None:
    made = await say(front, "secret", metadata={"session": "s", "group": "g"})
    foreign = front.openai_as(await front.key_of_another_project())
    for query in ({}, {"session": "s"}, {"group": "g"}, {"status": "completed"}):
        assert await listed(foreign, **query) == []
    assert await ids(front) == [made]
