"""Webhooks: delivered, tried again, given up, and nobody held up by anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from forebay.core.clock import Instant, after
from forebay.core.projects import DEFAULT_PROJECT
from forebay.core.webhooks import DeliveryStatus
from forebay.lanes.webhook_receivers import MAX_AT_A_RECEIVER
from forebay.lanes.webhook_schedule import ENDPOINT_PAUSES_S, MAX_ENDPOINT_S, REQUEST_PAUSES_S
from forebay.lanes.webhooks import LEASE_S
from forebay.store.signals import Topic
from forebay.store.store import Store
from tests.fakes import ManualClock, until
from tests.lanes.house import CALLER, House
from tests.lanes.loops import running
from tests.lanes.outbox import SETTLED_S, Outbox
from tests.lanes.receivers import Receiver, receiving
from tests.store.webhooks import claim_all


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 200."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def outbox(store: Store, clock: ManualClock) -> Outbox:
    """Webhooks, not running yet."""
    clock.move(SETTLED_S)
    return Outbox(store, clock)


async def test_the_body_is_byte_for_byte_what_get_returns(house: House, receiver: Receiver) -> None:
    request_id = await house.submit(metadata={"completion_webhook": receiver.url})
    async with running(house.worker.run):
        await house.ended(request_id)
    async with running(house.webhooks.run):
        (call,) = await receiver.came(1)
    assert call.body == await house.responses.get(CALLER, request_id)
    assert call.path == "/hook"
    assert call.headers["Content-Type"] == "application/json"
    assert "Authorization" not in call.headers


async def test_the_token_comes_as_a_bearer_and_nowhere_else(
    outbox: Outbox, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await outbox.end(url=receiver.url, token="s3cret")
    async with running(outbox.webhooks.run):
        (call,) = await receiver.came(1)
        await outbox.settled()
    assert call.headers["Authorization"] == "Bearer s3cret"
    assert b"s3cret" not in call.body
    logged = str([record.__dict__ for record in caplog.records])
    assert "webhook delivered" in logged and "s3cret" not in logged


async def test_who_delivers_is_woken_by_the_signal_that_something_is_owed(
    outbox: Outbox, receiver: Receiver
) -> None:
    await outbox.register(receiver.url)
    async with running(outbox.webhooks.run):
        await outbox.settled()
        await outbox.end()
        outbox.store.signals.send(Topic.OWED)
        await receiver.came(1)


async def test_a_delivery_is_made_once(outbox: Outbox, receiver: Receiver) -> None:
    await outbox.end(url=receiver.url)
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.emptied()
        await outbox.pass_by(1000)
        await outbox.settled()
    assert len(receiver.calls) == 1


async def tried_out(outbox: Outbox, receiver: Receiver, pauses_s: tuple[float, ...]) -> list[str]:
    """Let every pause pass and return the events' ids of the tries, all of which failed."""
    receiver.statuses = [500, 404, 302] * 9
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        for count, pause_s in enumerate(pauses_s, start=2):
            await outbox.settled()
            assert await outbox.next_at() == after(outbox.clock.now(), pause_s)
            await outbox.pass_by(pause_s)
            await receiver.came(count)
        await outbox.emptied()
    return [call.headers["webhook-id"] for call in receiver.calls]


async def test_a_requests_own_webhook_is_tried_once_and_three_times_more(
    outbox: Outbox, receiver: Receiver
) -> None:
    await outbox.end(url=receiver.url)
    ids = await tried_out(outbox, receiver, REQUEST_PAUSES_S)
    assert len(ids) == 4
    assert len(set(ids)) == 1


async def test_an_endpoint_is_tried_for_three_days_under_one_id(
    outbox: Outbox, receiver: Receiver
) -> None:
    await outbox.register(receiver.url)
    await outbox.end()
    *pauses_s, _ = ENDPOINT_PAUSES_S
    ids = await tried_out(outbox, receiver, (*pauses_s, MAX_ENDPOINT_S - sum(pauses_s)))
    assert len(ids) == 10
    (delivery,) = await outbox.logged()
    assert set(ids) == {delivery.event_id}
    assert delivery.status is DeliveryStatus.FAILED
    codes = [attempt.status_code for attempt in delivery.attempts]
    assert codes == [500, 404, 302, 500, 404, 302, 500, 404, 302, 500]
    times = [int(call.headers["webhook-timestamp"]) for call in receiver.calls]
    assert times[-1] - times[0] == MAX_ENDPOINT_S


async def test_a_redirect_is_not_followed(outbox: Outbox, receiver: Receiver) -> None:
    receiver.statuses = [307]
    await outbox.end(url=receiver.url)
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.settled()
    assert [call.path for call in receiver.calls] == ["/hook"]
    assert await outbox.next_at() is not None


async def test_an_endpoint_that_says_it_is_gone_is_disabled(
    outbox: Outbox, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    await outbox.register(receiver.url)
    await outbox.end()
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.settled()
    assert await outbox.is_disabled()
    assert await outbox.next_at() is None


async def test_a_disabled_endpoint_is_not_called_for_what_was_claimed_before(
    outbox: Outbox, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    await outbox.register(receiver.url)
    await outbox.end("resp_1")
    await outbox.end("resp_2")
    (stale,) = await claim_all(outbox.store, room=1, leased_until=after(outbox.clock.now(), 9))
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.settled()
        await outbox.pass_by(9)
        await outbox.emptied()
    assert len(receiver.calls) == 1
    (found,) = [delivery for delivery in await outbox.logged() if delivery.id == stale.id]
    assert found.attempts[-1].error == "the endpoint is disabled"


async def test_the_pause_that_a_receiver_asks_for_is_kept_by_all_its_deliveries(
    outbox: Outbox, receiver: Receiver
) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": "30"}
    await outbox.register(receiver.url)
    await outbox.end("resp_1")
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.settled()
        await outbox.end("resp_2")
        await outbox.pass_by(29)
        assert await outbox.next_at() == after(outbox.clock.now(), -29)
        assert len(receiver.calls) == 1
        await outbox.pass_by(1)
        await receiver.came(3)


async def test_a_receiver_that_hangs_holds_back_nobody_else(
    outbox: Outbox, receiver: Receiver
) -> None:
    async with receiving() as hanging:
        hanging.may_answer.clear()
        for number in range(MAX_AT_A_RECEIVER + 4):
            await outbox.end(f"resp_{number}", url=hanging.url)
        async with running(outbox.webhooks.run):
            await hanging.came(MAX_AT_A_RECEIVER)
            await outbox.end("resp_other", url=receiver.url)
            outbox.webhooks.wake()
            await receiver.came(1)
            assert len(hanging.calls) == MAX_AT_A_RECEIVER


async def test_a_receiver_has_so_many_calls_at_a_time_and_gets_all_in_the_end(
    outbox: Outbox, receiver: Receiver
) -> None:
    for number in range(MAX_AT_A_RECEIVER + 9):
        await outbox.end(f"resp_{number}", url=receiver.url)
    async with running(outbox.webhooks.run):
        await receiver.came(MAX_AT_A_RECEIVER + 9)
    assert receiver.most_in_flight <= MAX_AT_A_RECEIVER


async def test_what_a_lost_process_had_claimed_is_delivered_under_the_same_id(
    outbox: Outbox, receiver: Receiver
) -> None:
    await outbox.register(receiver.url)
    await outbox.end()
    lease_end: Instant = after(outbox.clock.now(), LEASE_S)
    (lost,) = await claim_all(outbox.store, leased_until=lease_end)
    async with running(outbox.webhooks.run):
        await outbox.settled()
        assert receiver.calls == []
        await outbox.pass_by(LEASE_S)
        (call,) = await receiver.came(1)
        await outbox.emptied()
    (delivery,) = await outbox.logged()
    assert (delivery.id, delivery.event_id) == (lost.id, call.headers["webhook-id"])
    assert delivery.status is DeliveryStatus.DELIVERED


async def test_two_processes_make_each_delivery_once(
    outbox: Outbox, store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    other = Outbox(store, clock)
    for number in range(30):
        await outbox.end(f"resp_{number}", url=receiver.url)
    async with running(outbox.webhooks.run, other.webhooks.run):
        await receiver.came(30)
        await outbox.emptied()
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 30
    assert len(receiver.calls) == 30


async def test_a_stop_in_the_middle_of_a_call_leaves_it_due(
    outbox: Outbox, receiver: Receiver
) -> None:
    receiver.may_answer.clear()
    await outbox.register(receiver.url)
    await outbox.end()
    async with running(outbox.webhooks.run):
        await receiver.came(1)
    assert await outbox.next_at() == outbox.clock.now()
    (delivery,) = await outbox.logged()
    assert delivery.attempts == ()


async def test_what_is_deleted_during_a_call_is_not_called_again(
    outbox: Outbox, receiver: Receiver
) -> None:
    receiver.may_answer.clear()
    receiver.statuses = [500]
    await outbox.end(url=receiver.url)
    async with running(outbox.webhooks.run):
        await receiver.came(1)
        await outbox.store.stored_requests.delete(DEFAULT_PROJECT, "resp_1")
        receiver.may_answer.set()

        async def is_over() -> bool:
            await asyncio.sleep(0)
            return not outbox.webhooks.in_flight

        await until(is_over)
        await outbox.pass_by(1000)
        await outbox.settled()
    assert len(receiver.calls) == 1
    assert await outbox.next_at() is None
