"""Several servers that share a PostgreSQL database and a data directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from forebay.core.clock import SystemClock, after
from forebay.settings import Settings
from forebay.store.postgres_connection import DatabaseUnusable
from forebay.wiring.belonging import AnotherHouse
from forebay.wiring.doors import Doors
from forebay.wiring.service import Service, opened_store, running
from tests.api.conftest import held
from tests.api.transport import AppTransport
from tests.fakes import ScriptedEngine, until

pytestmark = pytest.mark.parametrize("database_kind", ["postgres"])

ADMIN = "fb-admin"
KEYS = "/v1/organization/projects/proj_default/api_keys"
Start = Callable[[Settings], Awaitable[Service]]


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """What both servers are set to."""
    return Settings(
        data_dir=str(tmp_path / "data"),
        database_url=database_url,
        api_key=ADMIN,
        engines=["http://engine/v1"],
    )


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start one more server, until the test ends."""
    doors = Doors(open_engine=lambda _: ScriptedEngine())
    async with AsyncExitStack() as stack:

        async def start(settings: Settings) -> Service:
            return await stack.enter_async_context(
                held(running(settings, weights=None, doors=doors))
            )

        yield start


async def called(service: Service, method: str, path: str, key: str) -> httpx2.Response:
    """Call a server once."""
    transport = AppTransport(service.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://forebay") as http:
        body = {"name": "any"} if method == "POST" else None
        headers = {"authorization": f"Bearer {key}"}
        return await http.request(method, path, json=body, headers=headers)


async def status(service: Service, key: str) -> int:
    """Return the status with which a server answers a call with this key."""
    return (await called(service, "GET", "/v1/models", key)).status_code


async def test_a_key_made_and_revoked_at_one_server_is_so_at_the_other(
    start: Start, settings: Settings
) -> None:
    one, two = [await start(settings) for _ in range(2)]
    made = (await called(one, "POST", KEYS, ADMIN)).json()

    async def is_let_in() -> bool:
        return await status(two, made["value"]) == 200

    async def is_refused() -> bool:
        return await status(two, made["value"]) == 401

    await until(is_let_in)
    assert (await called(one, "DELETE", f"{KEYS}/{made['id']}", ADMIN)).status_code == 200
    await until(is_refused)


async def test_servers_that_start_at_once_have_one_first_key(
    start: Start, tmp_path: Path, database_url: str
) -> None:
    settings = Settings(
        data_dir=str(tmp_path / "data"), database_url=database_url, engines=["http://engine/v1"]
    )
    services = await asyncio.gather(*[start(settings) for _ in range(3)])
    keys = {service.first_key.secret for service in services if service.first_key is not None}
    assert keys == {(settings.folder / "api_key").read_text().strip()}
    assert [await status(service, *keys) for service in services] == [200] * 3


async def test_a_start_takes_no_lease_from_a_server_that_runs(settings: Settings) -> None:
    async with opened_store(settings) as store:
        until_then = after(SystemClock().now(), 60)
        assert (await store.duties.take(["any"], "one", until=until_then)).held == {"any"}
        async with opened_store(settings) as other:
            assert other.is_shared
            assert (await other.duties.take(["any"], "two", until=until_then)).held == set()


async def test_a_server_with_another_secret_does_not_start(
    start: Start, settings: Settings, database_url: str
) -> None:
    await start(settings)
    other = Settings(
        data_dir=settings.data_dir,
        database_url=database_url,
        secret_key="another",
        engines=["http://engine/v1"],
    )
    with pytest.raises(AnotherHouse):
        await start(other)


async def test_a_server_with_a_data_directory_of_its_own_does_not_start(
    start: Start, settings: Settings, tmp_path: Path, database_url: str
) -> None:
    await start(settings)
    other = Settings(
        data_dir=str(tmp_path / "other"),
        database_url=database_url,
        secret_key=(settings.folder / "secret_key").read_text().strip(),
        engines=["http://engine/v1"],
    )
    with pytest.raises(AnotherHouse):
        await start(other)


async def test_the_time_is_the_databases(settings: Settings) -> None:
    async with opened_store(settings) as store:
        assert not isinstance(store.clock, SystemClock)
        assert abs(store.clock.now() - SystemClock().now()) < 5000


async def test_a_start_without_its_database_says_so(start: Start, settings: Settings) -> None:
    away = Settings(
        data_dir=settings.data_dir, database_url="postgresql://user:hidden@127.0.0.1:9/name"
    )
    with pytest.raises(DatabaseUnusable) as raised:
        await start(away)
    assert "127.0.0.1:9/name" in str(raised.value)
    assert "hidden" not in str(raised.value)
