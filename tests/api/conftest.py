"""A whole service in this process, its engine scripted, and the official SDKs in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from forebay.settings import ModelSettings, PriceSettings, Settings
from forebay.wiring.doors import Doors
from forebay.wiring.service import Service, opened_store, running
from tests.api.transport import AppTransport
from tests.conftest import OTHER_PROJECT
from tests.fakes import CountingIds, ManualClock, ScriptedEngine

T = TypeVar("T")

KEY = "fb-test-key"
BASE_URL = "http://forebay"
MODEL = "acme/tiny"
MAX_BODY_BYTES = 100_000
MAX_FILE_BYTES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A running service, and clients of every kind that speak to it."""

    service: Service
    http: httpx2.AsyncClient
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic

    def openai_as(self, key: str) -> AsyncOpenAI:
        """Return OpenAI's client with another key."""
        return self.openai.with_options(api_key=key)

    async def key_of_another_project(self) -> str:
        """Return a key that sees nothing of the default project."""
        answer = await self.http.post(
            f"/v1/organization/projects/{OTHER_PROJECT}/api_keys", json={"name": "foreign"}
        )
        return str(answer.json()["value"])


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None, blobs_url: str | None) -> Settings:
    """Settings with one model, that two names and three windows have."""
    return Settings(
        data_dir=str(tmp_path / "data"),
        database_url=database_url,
        blobs_url=blobs_url,
        api_key=KEY,
        max_body_bytes=MAX_BODY_BYTES,
        max_file_bytes=MAX_FILE_BYTES,
        reject_after_s=0.02,
        sync_timeout_s=0.03,
        models={
            MODEL: ModelSettings(
                engines=["http://engine/v1"],
                engine_model="tiny",
                aliases=["small"],
                price=PriceSettings(input="1.00", cached="0.50", output="2.00"),
                slots=2,
            )
        },
    )


@pytest.fixture
async def front(
    settings: Settings, engine: ScriptedEngine, clock: ManualClock, new_id: CountingIds
) -> AsyncIterator[Front]:
    """A running service with its clients."""
    doors = Doors(clock=clock, new_id=new_id, chance=lambda: 0.0, open_engine=lambda _: engine)
    async with opened_store(settings, doors) as store:
        await store.projects.add_project(OTHER_PROJECT, name="other")
    async with held(running(settings, weights=None, doors=doors)) as service:
        transport = AppTransport(service.app)
        bearer = {"authorization": f"Bearer {KEY}"}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=bearer) as http,
            httpx2.AsyncClient(transport=transport) as plain,
        ):
            yield Front(
                service=service,
                http=http,
                openai=AsyncOpenAI(
                    api_key=KEY,
                    base_url=f"{BASE_URL}/v1",
                    http_client=plain,
                    max_retries=0,
                    _strict_response_validation=True,
                ),
                anthropic=AsyncAnthropic(
                    api_key=KEY,
                    base_url=BASE_URL,
                    http_client=plain,
                    max_retries=0,
                    _strict_response_validation=True,
                ),
            )


@asynccontextmanager
async def held(manager: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Hold a context open in a task of its own: fixtures are entered and left by different ones."""
    entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    leaving = asyncio.Event()

    async def hold() -> None:
        try:
            async with manager as value:
                entered.set_result(value)
                await leaving.wait()
        except BaseException as error:
            if not entered.done():
                entered.set_exception(error)
                return
            raise

    holding = asyncio.create_task(hold())
    value = await entered
    try:
        yield value
    finally:
        leaving.set()
        await holding
