"""Readers of the streams of background responses, whose server may die while they read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

from tests.crash.callers import Json
from tests.server_process import ServerProcess

Event = dict[str, Any]

DELTA = "response.output_text.delta"
END_OF_EVENT = b"\n\n"
DONE = b"[DONE]"


class Reader:
    """Notes what comes; `is_whole` once the stream has come to its end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_whole = False
        self._is_over = False
        self._has_come = asyncio.Condition()

    @property
    def response_id(self) -> str:
        """The response that the stream is about."""
        return str(self.events[0]["response"]["id"])

    @property
    def number(self) -> int:
        """The cursor: the number of the event that came last."""
        return int(self.events[-1]["sequence_number"])

    async def until(self, kind: str, *, count: int = 1) -> None:
        """Return once that many events of this type have come."""
        await self._until(lambda: [event["type"] for event in self.events].count(kind) >= count)

    async def until_over(self) -> None:
        """Return once the stream has ended or broken off."""
        await self._until(lambda: self._is_over)

    async def read(self, answer: aiohttp.ClientResponse) -> None:
        """Note what an answer brings for as long as its connection lasts."""
        rest = b""
        try:
            async for piece in answer.content.iter_any():
                *frames, rest = (rest + piece).split(END_OF_EVENT)
                async with self._has_come:
                    for frame in frames:
                        self._note(frame.partition(b"data: ")[2])
                    self._has_come.notify_all()
        except aiohttp.ClientError:
            pass  # the server was killed
        finally:
            async with self._has_come:
                self._is_over = True
                self._has_come.notify_all()

    def _note(self, data: bytes) -> None:
        if data == DONE:
            self.is_whole = True
        elif data:  # else it is a comment
            self.events.append(json.loads(data))

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with self._has_come:
            await self._has_come.wait_for(is_so)


@asynccontextmanager
async def creating(
    http: aiohttp.ClientSession, server: ServerProcess, body: Json
) -> AsyncIterator[Reader]:
    """Create a streamed background response and read its stream until the block is left."""
    url = server.address + "/v1/responses"
    asked = http.post(url, json=body | {"stream": True}, headers=server.headers)
    async with _reading(asked) as reader:
        yield reader


@asynccontextmanager
async def following(
    http: aiohttp.ClientSession,
    server: ServerProcess,
    response_id: str,
    *,
    starting_after: int | None = None,
) -> AsyncIterator[Reader]:
    """Read the stream of a response, all of it or what is behind the cursor, in the block."""
    url = f"{server.address}/v1/responses/{response_id}?stream=true"
    if starting_after is not None:
        url += f"&starting_after={starting_after}"
    async with _reading(http.get(url, headers=server.headers)) as reader:
        yield reader


async def whole(
    http: aiohttp.ClientSession,
    server: ServerProcess,
    response_id: str,
    *,
    starting_after: int | None = None,
) -> list[Event]:
    """Return the stream of a response, or what is behind the cursor, to the end."""
    cursor = starting_after
    async with following(http, server, response_id, starting_after=cursor) as reader:
        await reader.until_over()
    assert reader.is_whole, "the stream broke off"
    return reader.events


@asynccontextmanager
async def _reading(
    asked: AbstractAsyncContextManager[aiohttp.ClientResponse],
) -> AsyncIterator[Reader]:
    async with asked as answer:
        assert answer.status == 200, await answer.text()
        reader = Reader()
        reading = asyncio.create_task(reader.read(answer))
        try:
            yield reader
        finally:
            reading.cancel()
            await asyncio.wait((reading,))


def text_of(events: list[Event]) -> str:
    """Return all the text that the deltas tell."""
    return "".join(event["delta"] for event in events if event["type"] == DELTA)


def numbers_of(events: list[Event]) -> list[int]:
    """Return the sequence numbers."""
    return [event["sequence_number"] for event in events]
