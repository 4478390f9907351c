"""Webhooks: delivered, tried again, given up, and never to where the server must not call."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from forebay.core.errors import NotPermitted
from forebay.lanes.address_guard import AddressGuard, GuardedResolver
from forebay.lanes.webhooks import PAUSES_S
from forebay.store.deliveries import Delivery
from tests.fakes import until
from tests.lanes.house import CALLER, House, running


class Receiver:
    """A server on loopback that notes what it gets and answers with `statuses`, then 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.got_one = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.calls.append((request.path, dict(request.headers), await request.read()))
        self.got_one.set()
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"{site.name}/hook"
    yield receiver
    await runner.cleanup()


async def owed(house: House, url: str, **metadata: str) -> str:
    """End a background response whose webhook is `url`."""
    request_id = await house.submit(metadata={"completion_webhook": url, **metadata})
    async with running(house.worker.run):
        await house.ended(request_id)
    return request_id


async def settled(house: House) -> None:
    """Return when nothing is due now."""

    async def look() -> bool:
        return not await house.store.deliveries.due(limit=9)

    await until(look)


async def test_the_body_is_byte_for_byte_what_get_returns(house: House, receiver: Receiver) -> None:
    request_id = await owed(house, receiver.url)
    async with running(house.webhooks.run):
        await receiver.got_one.wait()
        await settled(house)
    ((path, headers, body),) = receiver.calls
    assert body == await house.background.get(CALLER, request_id)
    assert path == "/hook"
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers


async def test_the_token_comes_as_a_bearer(house: House, receiver: Receiver) -> None:
    await owed(house, receiver.url, webhook_token="s3cret")
    async with running(house.webhooks.run):
        await receiver.got_one.wait()
    assert receiver.calls[0][1]["Authorization"] == "Bearer s3cret"
    assert b"s3cret" not in receiver.calls[0][2]


async def test_a_delivery_is_made_once(house: House, receiver: Receiver) -> None:
    await owed(house, receiver.url)
    async with running(house.webhooks.run):
        await receiver.got_one.wait()
        await settled(house)
        house.clock.move(1000)
        house.webhooks.wake()
        await settled(house)
    assert len(receiver.calls) == 1


async def test_a_delivery_is_tried_once_and_three_times_more_then_given_up(
    house: House, receiver: Receiver
) -> None:
    receiver.statuses = [500, 404, 503, 500, 500]
    await owed(house, receiver.url)
    async with running(house.webhooks.run):
        for count, pause_s in enumerate([0.0, *PAUSES_S], start=1):
            house.clock.move(pause_s)
            house.webhooks.wake()
            await _calls(receiver, count)
            await settled(house)
        house.clock.move(10_000)
        house.webhooks.wake()
        await settled(house)
    assert len(receiver.calls) == 4


async def test_a_try_is_not_repeated_before_its_pause_is_over(
    house: House, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    await owed(house, receiver.url)
    async with running(house.webhooks.run):
        await receiver.got_one.wait()
        await settled(house)
        house.clock.move(PAUSES_S[0] - 0.001)
        house.webhooks.wake()
        await settled(house)
    assert len(receiver.calls) == 1


async def test_a_redirect_is_not_followed(house: House, receiver: Receiver) -> None:
    receiver.statuses = [302]
    await owed(house, receiver.url)
    async with running(house.webhooks.run):
        await receiver.got_one.wait()
        await settled(house)
    assert [path for path, _, _ in receiver.calls] == ["/hook"]
    assert await _next(house) is not None


async def test_a_slow_receiver_holds_back_nobody_else(house: House, receiver: Receiver) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_asked.set()
        await may_answer.wait()
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await owed(house, f"http://127.0.0.1:{port}/")
    async with running(house.webhooks.run):
        await is_asked.wait()
        await owed(house, receiver.url)
        await receiver.got_one.wait()
        may_answer.set()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://192.168.1.1:8080/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://167772161/",  # 10.0.0.1 as one number, which only a resolver understands
    ],
)
async def test_an_address_that_is_not_public_is_never_called(house: House, url: str) -> None:
    await owed(house, url)
    async with running(house.webhooks.run):
        await settled(house)
    (delivery,) = await _all(house)
    assert delivery.attempt == 1


async def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    resolver = GuardedResolver(AddressGuard(()))
    with pytest.raises(NotPermitted, match=r"127\.0\.0\.1|::1"):
        await resolver.resolve("localhost", 80)


async def test_a_name_that_resolves_to_an_allowed_address_is_resolved() -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    found = await GuardedResolver(AddressGuard(allowed)).resolve("localhost", 80)
    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_a_public_address_may_be_called(address: str) -> None:
    AddressGuard(()).check(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "100.64.0.1",
        "fc00::1",
        "fe80::1%eth0",
        "::",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:0a00:0001::1",
        "::10.0.0.1",
        "::127.0.0.1",
    ],
)
def test_an_address_that_is_not_public_may_not_be_called(address: str) -> None:
    with pytest.raises(NotPermitted):
        AddressGuard(()).check(address)


async def _calls(receiver: Receiver, count: int) -> None:
    async def look() -> bool:
        await asyncio.sleep(0)
        return len(receiver.calls) >= count

    await until(look)


async def _all(house: House) -> list[Delivery]:
    """Return every delivery that is still owed, whenever that is."""
    house.clock.move(1000)
    return await house.store.deliveries.due(limit=9)


async def _next(house: House) -> int | None:
    return await house.store.deliveries.next_at(after=house.clock.now())
