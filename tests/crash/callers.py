"""Callers of a server that dies now and then: they note what they were told, and carry on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.crash.rote_engine import RoteEngine
from tests.server_process import ServerProcess

MODEL = "lab/rote"
POLL_S = 0.05
Json = dict[str, object]


def write_config(folder: Path, engine: RoteEngine, *, slots: int) -> Path:
    """Write the settings of a server in front of the engine, with prices."""
    config = folder / "forebay.toml"
    config.write_text(
        f'[models."{MODEL}"]\n'
        f'engines = ["{engine.url}"]\n'
        'engine_model = "rote"\n'
        f"slots = {slots}\n"
        "price = { input = 1, output = 2 }\n"
    )
    return config


@dataclass(frozen=True, slots=True)
class Note:
    """A complete answer that a realtime caller received."""

    id: str
    prompt: str
    text: str


@dataclass(slots=True)
class Callers:
    """Everyone who calls one server. `journal` holds each realtime answer that came whole."""

    server: ServerProcess
    http: aiohttp.ClientSession
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    journal: list[Note] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)

    async def start_server(self) -> None:
        """Start the server (again), and let the callers call."""
        await asyncio.to_thread(self.server.start)
        self.is_up.set()

    def kill_server(self) -> None:
        """Kill the server; the callers wait for the next."""
        self.is_up.clear()
        self.server.kill()

    async def post(self, path: str, body: Json) -> Json:
        """Create something and return the answer, which must be good."""
        url = self.server.address + path
        async with self.http.post(url, json=body, headers=self.server.headers) as response:
            answer: Json = await response.json()
            assert response.status == 200, answer
            return answer

    async def get(self, path: str) -> Json:
        """Return what is there."""
        content: Json = json.loads(await self.content(path))
        return content

    async def content(self, path: str) -> bytes:
        """Return the bytes that are there."""
        url = self.server.address + path
        async with self.http.get(url, headers=self.server.headers) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    async def submit(self, prompt: str) -> str:
        """Submit a background response and return its id."""
        body: Json = {"model": MODEL, "input": prompt, "background": True}
        return str((await self.post("/v1/responses", body))["id"])

    async def create_batch(self, prompts: dict[str, str]) -> str:
        """Create a batch of chats, one for each custom id, and return the batch's id."""
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", batch_file(prompts), filename="requests.jsonl")
        url = self.server.address + "/v1/files"
        async with self.http.post(url, data=form, headers=self.server.headers) as response:
            file = await response.json()
        batch = await self.post(
            "/v1/batches",
            {
                "input_file_id": file["id"],
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            },
        )
        return str(batch["id"])

    async def until_ended(self, path: str) -> Json:
        """Return a response or batch once it is in a final state."""
        while True:
            found = await self.get(path)
            if found["status"] not in ("queued", "validating", "in_progress", "finalizing"):
                return found
            await asyncio.sleep(POLL_S)

    async def chat_for_ever(self, name: str, *, is_streamed: bool) -> None:
        """Ask one question after the other; a call that breaks off is not noted."""
        number = 0
        while True:
            await self.is_up.wait()
            number += 1
            try:
                await self.chat(f"{name} asks question {number}", is_streamed=is_streamed)
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                # The server was killed; whoever killed it will say when the next is up.
                await asyncio.sleep(POLL_S)

    async def chat(self, prompt: str, *, is_streamed: bool) -> None:
        """Ask one question and note the answer if it comes whole."""
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "stream": is_streamed,
        }
        url = self.server.address + "/v1/chat/completions"
        async with self.http.post(url, json=body, headers=self.server.headers) as response:
            content = await response.read()
            if response.status != 200:
                self.refusals.append(response.status)
            elif not is_streamed:
                answer = json.loads(content)
                text = answer["choices"][0]["message"]["content"]
                self.journal.append(Note(answer["id"], prompt, text))
            elif content.endswith(b"data: [DONE]\n\n"):
                self.journal.append(_streamed_note(prompt, content))


def _streamed_note(prompt: str, content: bytes) -> Note:
    frames = [
        json.loads(line.removeprefix(b"data: "))
        for line in content.splitlines()
        if line.startswith(b"data: {")
    ]
    text = "".join(
        choice["delta"].get("content") or "" for frame in frames for choice in frame["choices"]
    )
    return Note(frames[0]["id"], prompt, text)


def batch_file(prompts: dict[str, str]) -> bytes:
    """Return the input file of a batch of chats."""
    lines = [
        {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": MODEL, "messages": [{"role": "user", "content": prompt}]},
        }
        for custom_id, prompt in prompts.items()
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
