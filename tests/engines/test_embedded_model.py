"""The embedded engine end to end, with the default model; skipped where that cannot be had."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from forebay.engines import embedded
from forebay.engines.embedded import EmbeddedEngine, EmbeddedState
from forebay.engines.embedded_options import EmbeddedOptions
from forebay.engines.known_models import DEFAULT_MODEL
from forebay.engines.weights import Weights, WeightsUnavailable

ROOT = Path(__file__).parents[2]
SOURCES = Path(embedded.__file__).parents[2]

# Starts an engine, tells its child's pid, and then waits to be killed.
OWNER = """
import asyncio, sys
from pathlib import Path
from forebay.engines.embedded import EmbeddedEngine
from forebay.engines.embedded_options import EmbeddedOptions

async def main():
    engine = EmbeddedEngine(EmbeddedOptions(model_path=Path(sys.argv[1]), alias="m", slots=1))
    await engine.start()
    print(engine.pid, flush=True)
    await engine.run()

asyncio.run(main())
"""

pytestmark = pytest.mark.timeout(180)  # the first one may have to fetch the weights


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The default model, pulled once into a folder that outlives the test run."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    folder = Path(os.environ.get("FOREBAY_TEST_MODELS", ROOT / ".cache" / "models"))
    try:
        with asyncio.Runner() as runner:
            return runner.run(Weights(folder).pull(DEFAULT_MODEL))
    except WeightsUnavailable as error:
        pytest.skip(str(error))


class Addresses:
    """The addresses an engine told, in order."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def __call__(self, address: str | None) -> None:
        self.told.append(address)
        self._queue.put_nowait(address)

    async def next(self) -> str | None:
        async with asyncio.timeout(30):
            return await self._queue.get()


@asynccontextmanager
async def running(engine: EmbeddedEngine) -> AsyncIterator[None]:
    """Own the engine as the service does."""
    async with asyncio.TaskGroup() as tasks:
        supervising = tasks.create_task(engine.run())
        yield
        supervising.cancel()


def small(model_path: Path, *, slots: int = 1) -> EmbeddedOptions:
    return EmbeddedOptions(
        model_path=model_path, alias=DEFAULT_MODEL, slots=slots, slot_context_tokens=2048
    )


def chat(prompt: str, **fields: object) -> dict[str, object]:
    return {
        "model": DEFAULT_MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        **fields,
    }


async def frames(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, object]]:
    async for line in response.content:
        if line.startswith(b"data: {"):
            yield json.loads(line.removeprefix(b"data: "))


def connect(engine: EmbeddedEngine) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {engine.api_key}"},
        connector=aiohttp.TCPConnector(force_close=True),
        timeout=aiohttp.ClientTimeout(total=30),
    )


async def ended(pidfd: int) -> None:
    """Return when the process behind `pidfd` is gone."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, gone.set)
    try:
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        loop.remove_reader(pidfd)


async def test_a_streamed_chat_is_answered_with_text_and_usage(model_path: Path) -> None:
    engine = EmbeddedEngine(small(model_path))
    url = await engine.start()
    async with running(engine), connect(engine) as http:
        body = chat("What is the capital of France?", max_tokens=12)
        async with http.post(f"{url}/chat/completions", json=body) as response:
            assert response.status == 200
            received = [frame async for frame in frames(response)]

    text = "".join(
        choice["delta"].get("content") or ""
        for frame in received
        for choice in frame["choices"]  # type: ignore[attr-defined]
    )
    assert len(text.split()) > 2  # so small a model may be wrong about Paris
    assert 3 < received[-1]["usage"]["completion_tokens"] <= 12  # type: ignore[index]
    assert received[-1]["model"] == DEFAULT_MODEL


async def test_the_child_answers_only_to_its_key(model_path: Path) -> None:
    engine = EmbeddedEngine(small(model_path))
    url = await engine.start()
    async with (
        running(engine),
        aiohttp.ClientSession() as stranger,
        stranger.post(f"{url}/chat/completions", json=chat("Hi")) as response,
    ):
        assert response.status == 401


async def test_a_client_that_leaves_frees_its_slot(model_path: Path) -> None:
    engine = EmbeddedEngine(small(model_path, slots=1))
    url = await engine.start()
    async with running(engine), connect(engine) as http:
        endless = chat("Count.", max_tokens=1900, ignore_eos=True)
        async with http.post(f"{url}/chat/completions", json=endless) as response:
            await anext(frames(response))
        # The only slot would be taken for ten seconds and more.
        async with asyncio.timeout(5):
            body = chat("Hi", max_tokens=1)
            async with http.post(f"{url}/chat/completions", json=body) as response:
                assert [frame async for frame in frames(response)]


async def test_a_killed_child_is_replaced_at_a_new_address(model_path: Path) -> None:
    addresses = Addresses()
    engine = EmbeddedEngine(small(model_path), on_address=addresses)
    async with running(engine):
        first = await addresses.next()
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert await addresses.next() is None
        second = await addresses.next()

        assert second not in (None, first)
        assert engine.is_ready
        assert engine.base_url == second
        assert engine.last_error == "the engine's process was ended by SIGKILL"
        async with connect(engine) as http, http.get(f"{second}/models") as response:
            assert response.status == 200
    assert addresses.told[-1] is None


async def test_closing_is_quick_while_a_stream_is_open(model_path: Path) -> None:
    engine = EmbeddedEngine(small(model_path))
    url = await engine.start()
    assert engine.pid is not None
    pidfd = os.pidfd_open(engine.pid)
    endless = chat("Count.", max_tokens=1900, ignore_eos=True)
    async with (
        connect(engine) as http,
        http.post(f"{url}/chat/completions", json=endless) as response,
    ):
        await anext(frames(response))
        async with asyncio.timeout(1):
            await engine.close()

    assert select.select([pidfd], [], [], 0)[0] == [pidfd]
    os.close(pidfd)
    assert engine.state is EmbeddedState.CLOSED


async def test_sigterm_ends_the_child_while_a_stream_is_open(model_path: Path) -> None:
    addresses = Addresses()
    engine = EmbeddedEngine(small(model_path), on_address=addresses)
    async with running(engine), connect(engine) as http:
        url = await addresses.next()
        endless = chat("Count.", max_tokens=1900, ignore_eos=True)
        async with http.post(f"{url}/chat/completions", json=endless) as response:
            await anext(frames(response))
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGTERM)
            async with asyncio.timeout(1):
                assert await addresses.next() is None
        assert engine.last_error == "the engine's process exited with code 0"


async def test_the_child_does_not_outlive_a_parent_that_is_killed(model_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        str(model_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert owner.stdout is not None
    async with asyncio.timeout(30):
        pidfd = os.pidfd_open(int(await owner.stdout.readline()))

    owner.kill()

    await ended(pidfd)
    os.close(pidfd)
    await owner.wait()


def test_the_child_is_ready_under_uvloop_too(model_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    engine = EmbeddedEngine(small(model_path), ready_timeout_s=10)

    async def start_and_close() -> str:
        try:
            return await engine.start()
        finally:
            await engine.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(start_and_close()).startswith("http://127.0.0.1:")


async def test_closing_while_the_child_starts_leaves_no_child(model_path: Path) -> None:
    engine = EmbeddedEngine(small(model_path))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())
        await asyncio.sleep(0)
        await engine.close()

    assert engine.pid is None
    assert engine.base_url is None
