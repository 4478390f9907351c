"""Single calls: where they may go, what they carry, and what is told of their failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from forebay.core.webhooks import EventType
from forebay.lanes.address_guard import AddressGuard
from forebay.lanes.name_lookup import LookUp
from forebay.lanes.secret import Seal
from forebay.lanes.webhook_calls import WebhookCalls
from forebay.store.deliveries import Delivery
from tests.fakes import START, ManualClock
from tests.lanes.outbox import LOOPBACK
from tests.lanes.receivers import Receiver, receiving

SEAL = Seal(b"secret")
NEW, OLD, OLDER = ("whsec_" + letter * 43 + "=" for letter in "abc")


def delivery(url: str, **others: Any) -> Delivery:
    """Return a delivery to an endpoint."""
    values: dict[str, Any] = {
        "id": "dlv_1",
        "event_id": "evt_1",
        "event_type": EventType.RESPONSE_COMPLETED,
        "subject_id": "resp_1",
        "endpoint_id": "we_1",
        "receiver": "somebody",
        "attempt": 1,
        "failures": 0,
        "created_at": START,
        "owed_at": START,
        "url": url,
        "secret": SEAL.close(NEW),
    }
    return Delivery(**(values | others))


class Names:
    """A resolver that answers each question with the next of `answers`, then with the last."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, family: int) -> list[tuple[int, str]]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(2, answer)]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers 200."""
    async with receiving() as receiver:
        yield receiver


async def error_of(
    delivery: Delivery, guard: AddressGuard | None = None, look_up: LookUp | None = None
) -> str | None:
    """Make a call, and return what is told of its failure."""
    calls = WebhookCalls(
        clock=ManualClock(), seal=SEAL, guard=guard or AddressGuard((LOOPBACK,)), look_up=look_up
    )
    tried = await calls.make(delivery)
    await calls.close()
    assert (tried.attempt.status_code is None) == (tried.has_answered is not True)
    return tried.attempt.error


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://167772161/",
        "http://10.1/",
        "http://0x0a000001/",
        "http://012.0.0.1/",
        "http://8.8.8.8@10.0.0.1/",
    ],
)
async def test_an_address_that_is_not_public_is_never_called(url: str) -> None:
    assert await error_of(delivery(url)) == "the address may not be called from here"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST"])
async def test_a_name_for_loopback_is_never_called(host: str, receiver: Receiver) -> None:
    url = f"http://{host}:{receiver.port}/"
    error = await error_of(delivery(url), AddressGuard(()))
    assert error == "the address may not be called from here"
    assert receiver.calls == []


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    names = Names("127.0.0.1", "127.0.0.2")
    url = f"http://hooks.example:{receiver.port}/"
    assert await error_of(delivery(url), look_up=names) is None
    assert len(names.asked) == 1
    assert receiver.calls[0].headers["Host"] == f"hooks.example:{receiver.port}"


async def test_a_name_is_checked_anew_for_each_call(receiver: Receiver) -> None:
    names = Names("127.0.0.1", "10.0.0.1")
    calls = WebhookCalls(
        clock=ManualClock(), seal=SEAL, guard=AddressGuard((LOOPBACK,)), look_up=names
    )
    told = delivery(f"http://hooks.example:{receiver.port}/")
    first, second = await calls.make(told), await calls.make(told)
    await calls.close()
    assert first.attempt.error is None
    assert second.attempt.error == "the address may not be called from here"
    assert len(receiver.calls) == 1


async def test_an_address_that_a_name_server_gave_is_not_told() -> None:
    error = await error_of(delivery("http://inner.example/"), look_up=Names("10.1.2.3"))
    assert error == "the address may not be called from here"


async def test_a_name_that_is_not_known_is_told_so() -> None:
    async def nobody(host: str, family: int) -> list[tuple[int, str]]:
        raise OSError("no such name at the server 10.0.0.53")

    assert await error_of(delivery("http://gone.example/"), look_up=nobody) == (
        "the host is not known"
    )


async def test_nobody_there_is_told_so() -> None:
    async with receiving() as receiver:
        url = receiver.url
    assert await error_of(delivery(url)) == "no connection"


async def test_what_is_no_http_is_told_so() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.inner ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await error_of(delivery(f"http://127.0.0.1:{port}/"))
    server.close()
    await server.wait_closed()
    assert error == "the connection broke, or what came was no HTTP"


async def test_a_redirect_leads_nowhere(receiver: Receiver) -> None:
    receiver.statuses = [301]
    assert await error_of(delivery(receiver.url)) == "status 301"
    assert len(receiver.calls) == 1


async def test_a_secret_of_another_server_is_told_without_a_call(receiver: Receiver) -> None:
    foreign = delivery(receiver.url, secret=Seal(b"other").close(NEW))
    error = await error_of(foreign)
    assert error == "the secret key does not open what was sealed"
    assert receiver.calls == []


async def test_every_secret_that_is_good_signs(receiver: Receiver) -> None:
    old = tuple(SEAL.close(secret) for secret in (OLD, OLDER))
    assert await error_of(delivery(receiver.url, old_secrets=old)) is None
    (call,) = receiver.calls
    assert len(set(call.headers["webhook-signature"].split(" "))) == 3


async def test_the_body_of_an_event_is_thin_and_the_same_each_time(receiver: Receiver) -> None:
    for _ in range(2):
        await error_of(delivery(receiver.url))
    first, second = receiver.calls
    assert first.body == second.body
    assert first.body == (
        b'{"object":"event","id":"evt_1","type":"response.completed","created_at":1760000000,'
        b'"data":{"id":"resp_1"}}'
    )


async def test_a_url_is_called_as_it_was_written(receiver: Receiver) -> None:
    await error_of(delivery(f"http://127.0.0.1:{receiver.port}/a%2Fb?sig=%7E%2b"))
    assert receiver.calls[0].path == "/a%2Fb?sig=%7E%2b"
