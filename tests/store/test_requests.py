"""Durable requests: what is kept of them, and what an end brings with it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from forebay.core.clock import after
from forebay.core.errors import LeaseLost
from forebay.core.lanes import Lane
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.requests import RequestStatus
from forebay.store.database import Database, StoreFailed
from forebay.store.request_records import RequestRecord
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import (
    charge_count,
    claimed,
    completed,
    enqueue,
    entry,
    kept,
    new_request,
)


def ending(number: int) -> bytes:
    return b"event: end %d\n\n" % number


async def cancel(store: Store, request: RequestRecord) -> bool:
    return await store.requests.cancel(
        request, finished_at=START, answer=b'{"gone":1}', last_event=ending
    )


async def test_an_enqueued_request_is_in_the_file_when_the_call_returns(
    store: Store, database: Database, tmp_path: Path
) -> None:
    await enqueue(store)
    if isinstance(database, SqliteDatabase):
        with sqlite3.connect(tmp_path / "test.sqlite") as other:
            assert other.execute("SELECT id, status FROM request").fetchall() == [
                ("resp_1", "queued")
            ]
        other.close()


async def test_a_request_is_kept_as_it_was_accepted(store: Store) -> None:
    await enqueue(store)
    request = await kept(store)
    assert request.status is RequestStatus.QUEUED
    assert request.lane is Lane.BACKGROUND
    assert request.body == b'{"model":"tiny","input":"hi"}'
    assert (request.accepted_at, request.deadline_at) == (START, after(START, 300))
    assert (request.attempt, request.answer, request.lease_id) == (0, None, None)


async def test_an_id_is_given_once(store: Store) -> None:
    await enqueue(store)
    with pytest.raises(StoreFailed):
        await enqueue(store)


async def test_settling_keeps_answer_status_and_charge(store: Store) -> None:
    await enqueue(store)
    await store.requests.settle(await claimed(store), completed(charge=entry()))
    request = await kept(store)
    assert request.status is RequestStatus.COMPLETED
    assert request.answer == b'{"ok":true}'
    assert request.finished_at == after(START, 9)
    assert request.lease_id is None
    assert await charge_count(store) == 1


async def test_a_worker_that_lost_its_lease_cannot_settle(store: Store) -> None:
    await enqueue(store)
    stale = await claimed(store)
    await store.leases.void_all()
    current = await claimed(store)
    with pytest.raises(LeaseLost):
        await store.requests.settle(stale, completed(charge=entry()))
    assert await kept(store) == current
    assert await charge_count(store) == 0


async def test_a_request_is_settled_once(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.settle(request, completed(charge=entry()))
    with pytest.raises(LeaseLost):
        await store.requests.settle(request, completed(b'{"second":1}'))
    assert (await kept(store)).answer == b'{"ok":true}'


async def test_a_settlement_whose_charge_is_refused_changes_nothing(store: Store) -> None:
    await enqueue(store)
    await store.ledger.record(entry())
    request = await claimed(store)
    with pytest.raises(StoreFailed):
        await store.requests.settle(request, completed(charge=entry()))
    assert await kept(store) == request


async def test_cancel_wins_over_a_late_settle(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert await cancel(store, request)
    with pytest.raises(LeaseLost):
        await store.requests.settle(request, completed(charge=entry()))
    assert (await kept(store)).status is RequestStatus.CANCELLED
    assert (await kept(store)).answer == b'{"gone":1}'
    assert await charge_count(store) == 0


async def test_a_waiting_request_can_be_cancelled(store: Store) -> None:
    await enqueue(store)
    assert await cancel(store, await kept(store))
    assert await store.requests.peek("tiny", limit=1) == []


async def test_what_has_ended_cannot_be_cancelled(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.settle(request, completed())
    assert not await cancel(store, request)
    assert (await kept(store)).status is RequestStatus.COMPLETED


async def test_a_waiting_request_expires_when_its_time_has_come(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    assert await store.requests.expired() == []
    clock.move(86_400)
    (request,) = await store.requests.expired()
    assert await store.requests.expire(
        request, finished_at=clock.now(), answer=b'{"late":1}', last_event=ending
    )
    assert (await kept(store)).status is RequestStatus.FAILED
    assert await store.requests.expired() == []


async def test_a_running_request_does_not_expire(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    request = await claimed(store)
    clock.move(86_400)
    assert await store.requests.expired() == []
    assert not await store.requests.expire(
        request, finished_at=clock.now(), answer=b"{}", last_event=ending
    )
    assert (await kept(store)).status is RequestStatus.IN_PROGRESS


async def test_another_project_sees_cancels_and_deletes_nothing(store: Store) -> None:
    await enqueue(store)
    request = await kept(store)
    foreign = replace(request, project_id=OTHER_PROJECT)
    assert await store.requests.get(OTHER_PROJECT, "resp_1") is None
    assert not await cancel(store, foreign)
    await store.requests.settle(await claimed(store), completed())
    assert not await store.stored_requests.delete(OTHER_PROJECT, "resp_1")
    assert (await kept(store)).status is RequestStatus.COMPLETED


async def test_a_realtime_turn_is_kept_once_in_its_final_state(store: Store) -> None:
    turn = new_request(lane=Lane.REALTIME, completion_window="asap", band_rank=0)
    await store.requests.store_settled(turn, completed(charge=entry()))
    request = await kept(store)
    assert (request.lane, request.status) == (Lane.REALTIME, RequestStatus.COMPLETED)
    assert request.answer == b'{"ok":true}'
    assert await charge_count(store) == 1


async def test_a_realtime_turn_that_is_charged_already_is_not_kept(store: Store) -> None:
    await store.ledger.record(entry())
    turn = new_request(lane=Lane.REALTIME)
    with pytest.raises(StoreFailed):
        await store.requests.store_settled(turn, completed(charge=entry()))
    assert await store.requests.get(DEFAULT_PROJECT, "resp_1") is None
