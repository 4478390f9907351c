"""The steps in the life of a background response at which its server is killed.

Each is held from outside: by the engine, the database, or who receives webhooks. Three responses
are at the step at once: one without a stream, a streamed one, and one that is streamed but, for its
tools, cannot be gone on with.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum

from openai import AsyncOpenAI
from openai.types.responses import Response

from tests.crash.callers import MODEL, POLL_S, Json
from tests.crash.kept import Row
from tests.crash.readers import DELTA, Event, Reader, creating, following, whole
from tests.crash.rote_engine import Asked, RoteEngine
from tests.crash.sites import Site
from tests.lanes.receivers import Call, Receiver
from tests.server_process import KEY

SLOTS = 3
SAID = 3  # pieces before the engine waits
STORY_S = 50.0  # less than the lease of a webhook: no step may wait for one
TOKEN = "a token for webhooks"
TOOL: Json = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}


class Step(StrEnum):
    """Where the responses are when their server is killed."""

    INSERTED = "after insert"  # its id was told; others have every slot
    CLAIMED = "after claim"  # the engine has the turn, and has said nothing
    SPEAKING = "mid-stream"  # the engine has said a part, which was shown
    SPOKEN = "before settle"  # the engine has said everything
    SETTLED = "after settle"  # its webhook was called, and has not answered


class Name(StrEnum):
    """The three responses; the value is the prompt."""

    PLAIN = "a plain one"
    STREAMED = "one that is streamed"
    TOOLED = "one that is streamed and has tools"

    @property
    def body(self) -> Json:
        """What is asked for, but for the webhook."""
        body: Json = {"model": MODEL, "input": self.value, "background": True}
        return body | {"tools": [TOOL]} if self is Name.TOOLED else body


STREAMED = (Name.STREAMED, Name.TOOLED)


@dataclass(frozen=True, slots=True)
class Seen:
    """What readers of one stream saw: until the crash, behind their cursor, and all of it after.

    `behind` holds what was shown after the end to readers with each number as their cursor. `live`
    saw it by another server that went on, if there was one.
    """

    until_crash: list[Event]
    afterwards: list[Event]
    whole: list[Event]
    behind: list[list[Event]]
    live: list[Event] | None


@dataclass(frozen=True, slots=True)
class Crash:
    """What was there when the server was killed, and who has to be shown the rest."""

    ids: dict[Name, str]
    requests: list[Row]
    calls: list[Call]
    ended_count: int
    read: dict[Name, Reader]
    live: dict[Name, Reader]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left of a crash when everything has ended, which took `took_s`."""

    step: Step
    crash: Crash
    took_s: float
    requests: dict[str, Row]
    polled: dict[Name, Response]
    objects: dict[Name, Json]
    seen: dict[Name, Seen]
    asked: list[Asked]
    calls: list[Call]
    ledger: list[Row]
    deliveries: list[Row]


class Story:
    """Brings three responses to a step, has their server killed, and sees how they end."""

    def __init__(self, step: Step, site: Site, engine: RoteEngine, receiver: Receiver) -> None:
        self._step = step
        self._site = site
        self._callers = site.callers
        self._engine = engine
        self._receiver = receiver

    async def told(self) -> Aftermath:
        """Tell the story."""
        async with asyncio.timeout(STORY_S), AsyncExitStack() as reading:
            crash = await self._crash(reading)
            crashed_s = time.monotonic()
            self._engine.gate.set()
            self._receiver.may_answer.set()
            await self._site.go_on()
            if self._step is Step.SETTLED:
                await self._site.outwait_webhook_leases()
            seen = {name: await self._seen(name, crash) for name in STREAMED}
            polled = {name: await self._polled(crash.ids[name]) for name in Name}
            return Aftermath(
                step=self._step,
                crash=crash,
                took_s=time.monotonic() - crashed_s,
                requests={str(row["id"]): row for row in await self._requests()},
                polled=polled,
                objects={
                    name: await self._callers.get(f"/v1/responses/{id}")
                    for name, id in crash.ids.items()
                },
                seen=seen,
                deliveries=await self._delivered(),
                asked=self._engine.asked,
                calls=self._receiver.calls,
                ledger=await self._site.rows("SELECT * FROM ledger_entry"),
            )

    async def _crash(self, reading: AsyncExitStack) -> Crash:
        """Kill the server at the step; readers by another server read on as `reading` lasts."""
        engine, site = self._engine, self._site
        engine.gate.clear()
        engine.holds_behind = 0 if self._step is Step.CLAIMED else SAID
        await self._register_endpoint()
        async with AsyncExitStack() as until_crash:
            if self._step is Step.INSERTED:
                await self._take_every_slot(until_crash)
            read = {name: await self._streamed(name, until_crash) for name in STREAMED}
            ids = {name: reader.response_id for name, reader in read.items()}
            ids[Name.PLAIN] = await self._submitted()
            live = await self._live(ids, reading)
            await self._until_there(list(read.values()), until_crash)
            crash = Crash(
                ids=ids,
                requests=await self._requests(),
                calls=list(self._receiver.calls),
                ended_count=engine.ended_count,
                read=read,
                live=live,
            )
            site.kill()
            for reader in read.values():
                await reader.until_over()
            return crash

    async def _until_there(self, readers: list[Reader], until_crash: AsyncExitStack) -> None:
        """Return once the responses are at the step."""
        engine = self._engine
        if self._step is Step.INSERTED:
            return
        await engine.until_held(len(Name))
        for reader in readers:
            await reader.until("response.in_progress")
        if self._step is Step.CLAIMED:
            return
        for reader in readers:
            await reader.until(DELTA, count=SAID)
        if self._step is Step.SPOKEN:
            await until_crash.enter_async_context(self._site.settling_held())
            engine.gate.set()
            await engine.until_ended(len(Name))
            await self._site.until_settling()
        elif self._step is Step.SETTLED:
            until_crash.enter_context(self._site.alone())
            self._receiver.may_answer.clear()
            engine.gate.set()
            await self._receiver.came(2 * len(Name))
            for reader in readers:
                await reader.until_over()

    async def _register_endpoint(self) -> None:
        endpoint: Json = {"name": "all", "url": f"{self._receiver.url}/endpoint"}
        types = ["response.completed", "response.failed"]
        await self._callers.post("/v1/webhook_endpoints", endpoint | {"event_types": types})

    async def _take_every_slot(self, until_crash: AsyncExitStack) -> None:
        chats = [
            asyncio.create_task(self._callers.chat(f"caller {n}", is_streamed=True))
            for n in range(SLOTS)
        ]

        async def gone() -> None:
            await asyncio.gather(*chats, return_exceptions=True)

        until_crash.push_async_callback(gone)
        await self._engine.until_held(SLOTS)

    def _body(self, name: Name) -> Json:
        webhook = f"{self._receiver.url}/{name.name}"
        return name.body | {
            "metadata": {"completion_webhook": webhook, "webhook_token": TOKEN},
        }

    async def _submitted(self) -> str:
        return str((await self._callers.post("/v1/responses", self._body(Name.PLAIN)))["id"])

    async def _streamed(self, name: Name, until_crash: AsyncExitStack) -> Reader:
        callers = self._callers
        asking = creating(callers.http, callers.server, self._body(name))
        reader = await until_crash.enter_async_context(asking)
        await reader.until("response.queued")
        return reader

    async def _live(self, ids: dict[Name, str], reading: AsyncExitStack) -> dict[Name, Reader]:
        other, http = self._site.other, self._callers.http
        if other is None:
            return {}
        return {
            name: await reading.enter_async_context(following(http, other, ids[name]))
            for name in STREAMED
        }

    async def _seen(self, name: Name, crash: Crash) -> Seen:
        server, http, read = self._callers.server, self._callers.http, crash.read[name]
        response_id = crash.ids[name]
        live = crash.live.get(name)
        if live is not None:
            await live.until_over()
        afterwards = await whole(http, server, response_id, starting_after=read.number)
        everything = await whole(http, server, response_id)
        behind = [
            await whole(http, server, response_id, starting_after=number)
            for number in range(len(everything))
        ]
        return Seen(
            until_crash=read.events,
            afterwards=afterwards,
            whole=everything,
            behind=behind,
            live=None if live is None else live.events,
        )

    async def _polled(self, response_id: str) -> Response:
        """Return a response that has ended, as OpenAI's SDK sees it."""
        address = self._callers.server.address
        async with AsyncOpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as client:
            while True:
                response = await client.responses.retrieve(response_id)
                if response.status not in ("queued", "in_progress"):
                    return response
                await asyncio.sleep(POLL_S)

    async def _delivered(self) -> list[Row]:
        """Return all deliveries, once there are none that are owed."""
        while True:
            deliveries = await self._site.rows("SELECT * FROM delivery")
            if all(row["next_at"] is None for row in deliveries):
                return deliveries
            await asyncio.sleep(POLL_S)

    async def _requests(self) -> list[Row]:
        return await self._site.rows("SELECT * FROM request")
