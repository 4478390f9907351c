"""Durable requests: who may change what, and what an end brings with it."""

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
from forebay.store.requests import RequestRecord
from forebay.store.sqlite import SqliteDatabase
from forebay.store.store import Store
from tests.conftest import OTHER_PROJECT
from tests.fakes import START, ManualClock
from tests.store.makers import (
    LEASED_UNTIL,
    charge_count,
    claimed,
    completed,
    entry,
    kept,
    new_request,
)


async def enqueue(store: Store, id: str = "resp_1", **others: object) -> None:
    await store.requests.enqueue(new_request(id, **others))


async def cancel(store: Store, request: RequestRecord) -> bool:
    return await store.requests.cancel(request, finished_at=START, answer=b'{"gone":1}')


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


async def test_claims_go_by_band_then_by_deadline(store: Store) -> None:
    await enqueue(store, "bulk", band_rank=2, deadline_at=after(START, 1))
    await enqueue(store, "late", band_rank=1, deadline_at=after(START, 300))
    await enqueue(store, "soon", band_rank=1, deadline_at=after(START, 200))
    await enqueue(store, "now", band_rank=0, deadline_at=after(START, 400))
    assert [(await claimed(store)).id for _ in range(4)] == ["now", "soon", "late", "bulk"]


async def test_of_equal_deadlines_the_older_id_is_claimed_first(store: Store) -> None:
    await enqueue(store, "resp_2")
    await enqueue(store, "resp_1")
    assert (await claimed(store)).id == "resp_1"


async def test_a_claim_is_for_one_model(store: Store) -> None:
    await enqueue(store, model="large")
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_a_claimed_request_is_leased_and_begins_an_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.status is RequestStatus.IN_PROGRESS
    assert request.lease_id is not None
    assert request.attempt == 1
    assert request.started_at == START


async def test_a_claimed_request_cannot_be_claimed_again(store: Store) -> None:
    await enqueue(store)
    await claimed(store)
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None


async def test_peek_tells_what_would_be_claimed_next(store: Store) -> None:
    assert await store.requests.peek("tiny") is None
    await enqueue(store, "bulk", band_rank=2)
    await enqueue(store, "soon", band_rank=1, deadline_at=after(START, 7))
    assert await store.requests.peek("tiny") == (1, after(START, 7))


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
    assert await store.requests.peek("tiny") is None


async def test_what_has_ended_cannot_be_cancelled(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.settle(request, completed())
    assert not await cancel(store, request)
    assert (await kept(store)).status is RequestStatus.COMPLETED


async def test_a_counted_requeue_keeps_its_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, not_before_at=START, is_counted=True)
    assert (await claimed(store)).attempt == 2


async def test_an_uncounted_requeue_never_was_an_attempt(store: Store) -> None:
    await enqueue(store)
    request = await claimed(store)
    await store.requests.requeue(request, not_before_at=START, is_counted=False)
    assert (await claimed(store)).attempt == 1


async def test_only_the_lease_holder_gives_a_request_back(store: Store) -> None:
    await enqueue(store)
    stale = await claimed(store)
    await store.leases.void_all()
    current = await claimed(store)
    with pytest.raises(LeaseLost):
        await store.requests.requeue(stale, not_before_at=START, is_counted=True)
    assert await kept(store) == current


async def test_a_pausing_request_is_not_claimed_before_its_pause_ends(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    pause_end = after(START, 5)
    await store.requests.requeue(await claimed(store), not_before_at=pause_end, is_counted=True)
    assert await store.requests.peek("tiny") is None
    assert await store.requests.claim("tiny", lease_expires_at=LEASED_UNTIL) is None
    assert await store.requests.next_pause_end("tiny", after=clock.now()) == pause_end
    clock.move(5)
    assert await store.requests.next_pause_end("tiny", after=clock.now()) is None
    assert (await claimed(store)).id == "resp_1"


async def test_voiding_leases_makes_running_requests_wait_again(store: Store) -> None:
    await enqueue(store)
    await claimed(store)
    assert await store.leases.void_all() == 1
    request = await kept(store)
    assert request.status is RequestStatus.QUEUED
    assert request.attempt == 1


async def test_only_leases_that_ran_out_are_reaped(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    await claimed(store)
    clock.move(60)
    assert await store.leases.reap() == 0
    clock.move(0.001)
    assert await store.leases.reap() == 1
    assert (await kept(store)).status is RequestStatus.QUEUED


async def test_renewing_tells_which_leases_still_live(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    request = await claimed(store)
    assert request.lease_id is not None
    asked = [request.lease_id, "lease_lost"]
    assert await store.leases.renew(asked, until=after(START, 600)) == {request.lease_id}
    clock.move(120)
    assert await store.leases.reap() == 0


async def test_a_waiting_request_expires_when_its_time_has_come(
    store: Store, clock: ManualClock
) -> None:
    await enqueue(store)
    assert await store.requests.expired() == []
    clock.move(86_400)
    (request,) = await store.requests.expired()
    assert await store.requests.expire(request, finished_at=clock.now(), answer=b'{"late":1}')
    assert (await kept(store)).status is RequestStatus.FAILED
    assert await store.requests.expired() == []


async def test_a_running_request_does_not_expire(store: Store, clock: ManualClock) -> None:
    await enqueue(store)
    request = await claimed(store)
    clock.move(86_400)
    assert await store.requests.expired() == []
    assert not await store.requests.expire(request, finished_at=clock.now(), answer=b"{}")
    assert (await kept(store)).status is RequestStatus.IN_PROGRESS


@pytest.mark.parametrize("is_running", [False, True])
async def test_what_has_not_ended_is_not_deleted(store: Store, is_running: bool) -> None:
    await enqueue(store)
    if is_running:
        await claimed(store)
    assert not await store.requests.delete(DEFAULT_PROJECT, "resp_1")
    assert (await kept(store)).id == "resp_1"


async def test_deleting_what_has_ended_keeps_its_charge(store: Store) -> None:
    await enqueue(store)
    await store.requests.settle(await claimed(store), completed(charge=entry()))
    assert await store.requests.delete(DEFAULT_PROJECT, "resp_1")
    assert await store.requests.get(DEFAULT_PROJECT, "resp_1") is None
    assert await charge_count(store) == 1


async def test_another_project_sees_cancels_and_deletes_nothing(store: Store) -> None:
    await enqueue(store)
    request = await kept(store)
    foreign = replace(request, project_id=OTHER_PROJECT)
    assert await store.requests.get(OTHER_PROJECT, "resp_1") is None
    assert not await cancel(store, foreign)
    await store.requests.settle(await claimed(store), completed())
    assert not await store.requests.delete(OTHER_PROJECT, "resp_1")
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


async def test_an_end_puts_the_webhook_into_the_outbox(store: Store) -> None:
    await enqueue(store, webhook_url="https://example.com/hook", webhook_token=b"sealed")
    assert await store.deliveries.due(limit=9) == []
    await store.requests.settle(await claimed(store), completed())
    (delivery,) = await store.deliveries.due(limit=9)
    assert (delivery.request_id, delivery.url) == ("resp_1", "https://example.com/hook")
    assert (delivery.token, delivery.answer) == (b"sealed", b'{"ok":true}')


async def test_a_cancelled_request_calls_its_webhook_too(store: Store) -> None:
    await enqueue(store, webhook_url="https://example.com/hook")
    await cancel(store, await kept(store))
    (delivery,) = await store.deliveries.due(limit=9)
    assert delivery.answer == b'{"gone":1}'


async def test_an_expired_request_calls_its_webhook_too(store: Store) -> None:
    await enqueue(store, webhook_url="https://example.com/hook")
    request = await kept(store)
    assert await store.requests.expire(request, finished_at=START, answer=b'{"late":1}')
    assert len(await store.deliveries.due(limit=9)) == 1


async def test_a_lost_lease_puts_nothing_into_the_outbox(store: Store) -> None:
    await enqueue(store, webhook_url="https://example.com/hook")
    stale = await claimed(store)
    await store.leases.void_all()
    with pytest.raises(LeaseLost):
        await store.requests.settle(stale, completed())
    assert await store.deliveries.due(limit=9) == []
