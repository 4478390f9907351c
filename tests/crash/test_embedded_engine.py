"""The embedded engine's child: it never outlives its server, and the server outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from forebay.engines.known_models import DEFAULT_MODEL
from tests.crash.callers import Callers, Json
from tests.default_model import require_default_model
from tests.server_process import KEY, ServerProcess, has_ended

MODELS_FOLDER_NAME = "FOREBAY_MODELS_DIR"


@pytest.fixture(scope="module")
def models_folder() -> Path:
    """The folder with the default model."""
    return require_default_model()


@pytest.fixture
async def callers(tmp_path: Path, models_folder: Path) -> AsyncIterator[Callers]:
    """Callers of a server that runs the embedded engine."""
    environ = {"FOREBAY_API_KEY": KEY, MODELS_FOLDER_NAME: str(models_folder)}
    server = ServerProcess(tmp_path, environ=environ)
    async with aiohttp.ClientSession() as http:
        callers = Callers(server, http)
        try:
            await callers.start_server()
            yield callers
        finally:
            await asyncio.to_thread(server.end)


def long_response() -> Json:
    """Return a background response that runs for a while."""
    return {
        "model": DEFAULT_MODEL,
        "input": "Count from one to one hundred, in words.",
        "background": True,
        "max_output_tokens": 300,
        "temperature": 0,
    }


async def until_running(callers: Callers, response_id: str) -> None:
    """Return once the response is in progress."""
    while (await callers.get(f"/v1/responses/{response_id}"))["status"] != "in_progress":
        pass


async def test_a_killed_server_leaves_no_engine_behind(callers: Callers) -> None:
    engine_pid = callers.server.engine_pid()

    callers.server.kill()

    assert has_ended(engine_pid, within_s=10)


async def test_a_stopped_server_leaves_no_engine_behind(callers: Callers) -> None:
    engine_pid = callers.server.engine_pid()

    callers.server.terminate()

    assert await asyncio.to_thread(callers.server.wait) == 0
    assert has_ended(engine_pid, within_s=0)


async def test_a_response_that_ran_on_a_killed_engine_is_run_again(callers: Callers) -> None:
    response_id = str((await callers.post("/v1/responses", long_response()))["id"])
    await until_running(callers, response_id)

    os.kill(callers.server.engine_pid(), signal.SIGKILL)

    response = await callers.until_ended(f"/v1/responses/{response_id}")
    assert response["status"] in ("completed", "incomplete")
    assert response["forebay"]["attempt"] == 2  # type: ignore[index]


async def test_a_server_whose_engine_was_killed_answers_again(callers: Callers) -> None:
    killed = callers.server.engine_pid()
    os.kill(killed, signal.SIGKILL)
    assert has_ended(killed, within_s=10)

    url = callers.server.address + "/v1/chat/completions"
    body = {"model": DEFAULT_MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    while True:
        async with callers.http.post(
            url, json=body | {"max_tokens": 4}, headers=callers.server.headers
        ) as response:
            if response.status == 200:
                break
            assert response.status in (502, 503), await response.text()
        await asyncio.sleep(0.05)

    assert callers.server.engine_pid() != killed
