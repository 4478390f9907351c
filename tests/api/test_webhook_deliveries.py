"""Webhooks as they really arrive, verified by OpenAI's client, and the log of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import openai
import pytest

from forebay.core.clock import SystemClock
from forebay.lanes.webhook_desk import OLD_SECRET_S
from forebay.settings import Settings
from tests.api.conftest import MODEL, Front
from tests.api.webhook_calls import PATH, asked, is_good, log_of, registered, unwrapped
from tests.fakes import ManualClock, until
from tests.lanes.receivers import Receiver, receiving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings that let webhooks go to loopback."""
    return msgspec.structs.replace(settings, webhook_networks=["127.0.0.0/8"])


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the time by which the client judges signatures."""
    return ManualClock(SystemClock().now())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 200."""
    async with receiving() as receiver:
        yield receiver


async def test_a_foreign_endpoint_is_as_unknown_as_one_that_never_was(
    front: Front, receiver: Receiver
) -> None:
    made = await registered(front, receiver.url)
    await front.openai.webhooks.test(made.id, event_type="response.completed")
    (delivery,) = await log_of(front, made.id)
    bearer = {"authorization": f"Bearer {await front.key_of_another_project()}"}
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"name": "mine"}),
        ("DELETE", "", None),
        ("POST", "/rotate_secret", {}),
        ("POST", "/test", {"event_type": "response.completed"}),
        ("GET", "/deliveries", None),
        ("POST", f"/deliveries/{delivery['id']}/redeliver", None),
    ):
        said = []
        for endpoint_id in (made.id, "we_never"):
            answer = await front.http.request(
                method, f"{PATH}/{endpoint_id}{path}", json=body, headers=bearer
            )
            assert answer.status_code == 404, (method, path)
            said.append(answer.text.replace(endpoint_id, "ID"))
        assert said[0] == said[1]
    listing = await front.http.get(PATH, headers=bearer)
    assert listing.json()["data"] == []
    assert len(receiver.calls) == 1


async def test_the_end_of_a_background_response_arrives_and_is_verified(
    front: Front, receiver: Receiver
) -> None:
    made = await registered(front, receiver.url)
    response_id = await asked(front)
    (call,) = await receiver.came(1)
    event = unwrapped(front, call, made.signing_secret)
    assert (event.type, event.data.id) == ("response.completed", response_id)
    assert (event.object, event.id) == ("event", call.headers["webhook-id"])
    assert (await front.openai.responses.retrieve(event.data.id)).status == "completed"
    with pytest.raises(openai.InvalidWebhookSignatureError):
        unwrapped(front, call, "whsec_" + "b" * 44)


async def test_a_foreground_response_is_told_to_nobody(front: Front, receiver: Receiver) -> None:
    made = await registered(front, receiver.url)
    await front.openai.responses.create(model=MODEL, input="hi")
    response_id = await asked(front)
    await receiver.came(1)
    (delivery,) = await log_of(front, made.id)
    assert delivery["data"] == {"id": response_id}


async def test_the_end_of_a_batch_arrives_and_is_verified(front: Front, receiver: Receiver) -> None:
    made = await registered(front, receiver.url, "batch.failed", "batch.completed")
    file = await front.openai.files.create(file=("in.jsonl", b"nonsense"), purpose="batch")
    batch = await front.openai.batches.create(
        input_file_id=file.id, endpoint="/v1/responses", completion_window="24h"
    )
    (call,) = await receiver.came(1)
    event = unwrapped(front, call, made.signing_secret)
    assert (event.type, event.data.id) == ("batch.failed", batch.id)


async def test_an_old_secret_stays_good_only_on_request(front: Front, receiver: Receiver) -> None:
    first = await registered(front, receiver.url)
    second = await front.openai.webhooks.rotate_secret(
        first.id, keep_old_secret_active_for_24_hours=True
    )
    await front.openai.webhooks.test(first.id, event_type="response.failed")
    third = await front.openai.webhooks.rotate_secret(first.id)
    await front.openai.webhooks.test(first.id, event_type="response.failed")
    secrets = [made.signing_secret for made in (first, second, third)]
    assert len(set(secrets)) == 3
    verified = [
        [is_good(front, call, secret) for secret in secrets] for call in await receiver.came(2)
    ]
    assert verified == [[True, True, False], [False, False, True]]


async def test_each_old_secret_stays_good_for_its_own_day(
    front: Front, receiver: Receiver, clock: ManualClock
) -> None:
    made = [await registered(front, receiver.url)]
    for _ in range(2):
        clock.move(1)
        made.append(
            await front.openai.webhooks.rotate_secret(
                made[0].id, keep_old_secret_active_for_24_hours=True
            )
        )
    counts = []
    for passed_s in (0, OLD_SECRET_S - 1, 1):
        clock.move(passed_s)
        await front.openai.webhooks.test(made[0].id, event_type="response.failed")
        call = receiver.calls[-1]
        counts.append(len(call.headers["webhook-signature"].split(" ")))
    assert counts == [3, 2, 1]
    first = receiver.calls[0]
    assert [is_good(front, first, each.signing_secret) for each in made] == [True] * 3


@pytest.mark.parametrize("status", [200, 500, 302])
async def test_a_test_tells_the_status_and_stands_in_the_log(
    front: Front, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    made = await registered(front, receiver.url)
    result = await front.openai.webhooks.test(made.id, event_type="batch.expired")
    assert (result.status_code, result.success) == (status, True)
    (delivery,) = await log_of(front, made.id)
    assert delivery["status"] == ("delivered" if status == 200 else "failed")
    assert delivery["event_type"] == "batch.expired"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [status]
    assert len(receiver.calls) == 1


async def test_a_test_of_an_endpoint_that_does_not_answer_says_so(front: Front) -> None:
    async with receiving() as gone:
        url = gone.url
    made = await registered(front, url)
    with pytest.raises(openai.BadRequestError) as refused:
        await front.openai.webhooks.test(made.id, event_type="response.completed")
    assert refused.value.code == "webhook_endpoint_unreachable"
    (delivery,) = await log_of(front, made.id)
    assert delivery["attempts"][0]["error"] == "no connection"


async def test_of_two_receivers_the_one_that_hangs_holds_up_nothing(front: Front) -> None:
    async with AsyncExitStack() as stack:
        hanging, quick = [await stack.enter_async_context(receiving()) for _ in range(2)]
        hanging.may_answer.clear()
        await registered(front, hanging.url)
        made = await registered(front, quick.url)
        ids = [await asked(front) for _ in range(3)]
        calls = await quick.came(3)
        found = {unwrapped(front, call, made.signing_secret).data.id for call in calls}
        assert found == set(ids)
        await hanging.came(3)
        # An event has one id, whoever is told of it.
        assert {call.headers["webhook-id"] for call in hanging.calls} == {
            call.headers["webhook-id"] for call in calls
        }


async def test_a_delivery_is_made_again_under_the_same_id(front: Front, receiver: Receiver) -> None:
    receiver.statuses = [410]
    made = await registered(front, receiver.url)
    await asked(front)
    await receiver.came(1)
    (delivery,) = await log_of(front, made.id)
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "status 410")
    again = f"{PATH}/{made.id}/deliveries/{delivery['id']}/redeliver"
    disabled = await front.http.post(again)
    assert (disabled.status_code, disabled.headers["x-should-retry"]) == (409, "false")
    with_key = await front.http.post(again, headers={"Idempotency-Key": "once"})
    assert (with_key.status_code, with_key.json()["error"]["param"]) == (400, "Idempotency-Key")
    assert (await front.http.get(f"{PATH}/{made.id}")).json()["forebay"]["disabled_at"]
    await front.openai.webhooks.update(made.id, url=receiver.url)
    answer = await front.http.post(again)
    assert answer.json()["status"] == "pending"
    first, second = await receiver.came(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["event_id"]
    (ended,) = await log_of(front, made.id)
    assert ended["status"] == "delivered"
    assert [attempt["number"] for attempt in ended["attempts"]] == [1, 2]


async def test_an_unknown_delivery_is_not_found(front: Front) -> None:
    made = await registered(front, "https://hooks.example.com/x")
    answer = await front.http.post(f"{PATH}/{made.id}/deliveries/dlv_1/redeliver")
    assert answer.status_code == 404


async def test_deliveries_are_paged_from_new_to_old(front: Front, receiver: Receiver) -> None:
    made = await registered(front, receiver.url)
    for _ in range(3):
        await front.openai.webhooks.test(made.id, event_type="response.completed")
    path = f"{PATH}/{made.id}/deliveries"
    first = (await front.http.get(path, params={"limit": 2})).json()
    rest = (await front.http.get(path, params={"limit": 2, "after": first["last_id"]})).json()
    assert (len(first["data"]), first["has_more"]) == (2, True)
    assert (len(rest["data"]), rest["has_more"]) == (1, False)
    ids = [entry["id"] for entry in [*first["data"], *rest["data"]]]
    assert ids == sorted(ids, reverse=True)


async def test_no_secret_is_logged(
    front: Front, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    receiver.statuses = [500]
    made = await registered(front, receiver.url)
    rotated = await front.openai.webhooks.rotate_secret(made.id)
    await front.openai.webhooks.test(made.id, event_type="response.completed")
    await asked(front, metadata={"completion_webhook": receiver.url, "webhook_token": "s3cret-t"})
    await receiver.came(3)

    async def is_recorded() -> bool:
        await asyncio.sleep(0)
        return "webhook delivered" in caplog.text

    await until(is_recorded)
    logged = "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("forebay")
    )
    for secret in (made.signing_secret, rotated.signing_secret, "s3cret-t"):
        assert secret not in logged
        assert secret.removeprefix("whsec_") not in logged
