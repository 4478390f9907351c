"""The story of batches that are each at one step when their server is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from tests.crash.batch_books import LEASED, UNSETTLED, Books, books_of
from tests.crash.batch_calls import begun, keyed, uploaded
from tests.crash.batch_holds import Holds, holds_on
from tests.crash.batch_lines import CHATS
from tests.crash.batch_planners import Planners, ends_by_itself
from tests.crash.batch_remains import Remains, Vault, unfinished
from tests.crash.batch_steps import CUT, EARLY, Step
from tests.crash.callers import POLL_S, Json
from tests.crash.kept import Row
from tests.crash.rote_engine import Asked, RoteEngine
from tests.crash.sites import Site
from tests.lanes.receivers import Call, Receiver

STORY_S = 60.0
EVENTS = ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Crash:
    """What was there when the server was killed."""

    rows: dict[Step, Row]
    segments: dict[Step, list[Row]]
    recorded: set[str]
    remains: Remains
    calls: list[Call]
    asked_count: int
    log: str


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is left when every batch has ended, which took `took_s`."""

    crash: Crash
    took_s: float
    ids: dict[Step, str]
    ids_again: dict[Step, str]
    books: dict[Step, Books]
    asked_before: list[Asked]
    asked_after: list[Asked]
    has_orphan_ended: bool
    before_sweep: Remains
    after_sweep: Remains
    unfinished: list[str]
    calls: list[Call]
    deliveries: list[Row]
    ledger: list[Row]
    unsettled: list[Row]
    leased: list[Row]


class Story:
    """Brings a batch to each step, has their server killed, and sees how they end."""

    def __init__(self, site: Site, engine: RoteEngine, receiver: Receiver, vault: Vault) -> None:
        self._site = site
        self._callers = site.callers
        self._engine = engine
        self._receiver = receiver
        self._vault = vault
        self._ids: dict[Step, str] = {}
        self._bodies: dict[Step, Json] = {}
        self._planners: dict[Step, int] = {}

    async def told(self) -> Aftermath:
        """Tell the story."""
        site = self._site
        async with asyncio.timeout(STORY_S), holds_on(site) as holds:
            crash = await self._crash(holds)
            crashed_s = time.monotonic()
            self._engine.gate.set()
            self._receiver.may_answer.set()
            await holds.lift_all()
            await site.go_on()
            os.kill(self._planners[Step.ORPHANED], signal.SIGCONT)
            await site.outwait_webhook_leases()
            ids_again = {step: await self._begun_again(step) for step in Step}
            books = {step: await self._books(step) for step in Step}
            took_s = time.monotonic() - crashed_s
            deliveries = await self._delivered()
            has_orphan_ended = await ends_by_itself(self._planners[Step.ORPHANED])
            before_sweep = await self._vault.remains()
            await self._vault.sweep()
            return Aftermath(
                crash=crash,
                took_s=took_s,
                ids=self._ids,
                ids_again=ids_again,
                books=books,
                asked_before=self._engine.asked[: crash.asked_count],
                asked_after=self._engine.asked[crash.asked_count :],
                has_orphan_ended=has_orphan_ended,
                before_sweep=before_sweep,
                after_sweep=await self._vault.remains(),
                unfinished=unfinished(site.callers.server.data_dir),
                calls=self._receiver.calls,
                deliveries=deliveries,
                ledger=await site.rows("SELECT * FROM ledger_entry"),
                unsettled=await site.rows(UNSETTLED),
                leased=await site.rows(LEASED),
            )

    async def _crash(self, holds: Holds) -> Crash:
        """Kill the server when there is a batch at each step."""
        self._engine.gate.clear()
        await self._register_endpoint()
        for step in Step:
            if step.hold is not None:
                await holds.put(step.hold)
        await self._work_up(holds)
        async with AsyncExitStack() as until_crash:
            until_crash.enter_context(self._site.alone())
            self._receiver.may_answer.clear()
            await self._begin(Step.COMPLETED)
            self._answer(Step.COMPLETED.prompts)
            await self._receiver.came(1)
            await self._stop_planners()
            await self._begin(Step.CREATED)
            ended_count = self._engine.ended_count
            self._answer(Step.ANSWERED.prompts)
            await self._engine.until_ended(ended_count + len(Step.ANSWERED.prompts))
            self._site.kill()
            os.kill(self._planners[Step.READING], signal.SIGKILL)
            return await self._seen_at_crash()

    async def _work_up(self, holds: Holds) -> None:
        """Bring those batches to their steps that can wait there for long."""
        for step in (Step.WRITTEN, Step.LAST, Step.FINALIZING, Step.HELD, Step.ANSWERED, *CUT):
            await self._begin(step)
        for step in (Step.WRITTEN, Step.LAST, Step.FINALIZING):
            self._answer(step.prompts)
        for step in (Step.RECORDED, Step.BEGUN, Step.PLANNED):
            await self._begin(step)
        for step in (*CUT, Step.RECORDED):
            await self._engine.until_holding(step.prompts)
            self._answer(step.early)
            await _until(partial(self._has_recorded, step, len(EARLY) + 1))
        for step in (Step.CANCELLING, Step.EXPIRING):
            await holds.put(step.recording)
        for step in (Step.CANCELLING, Step.CANCELLED):
            await self._callers.post(f"/v1/batches/{self._ids[step]}/cancel", {})
        await self._expire()
        for step in (Step.HELD, Step.ANSWERED):
            await self._engine.until_holding(step.prompts)
        for step in (*CUT, Step.FINALIZING):
            await self._until_failed("closing", self._ids[step])
        await self._until_failed("validation", self._ids[Step.PLANNED])
        for step in (Step.WRITTEN, Step.LAST):
            await _until(partial(self._has_failed_to_record, step))

    async def _expire(self) -> None:
        """Have the time of a batch be over; it is looked for when a batch is cancelled."""
        batch_id = self._ids[Step.EXPIRING]
        await self._site.change(
            f"UPDATE batch SET expires_at = created_at + 1 WHERE id = '{batch_id}'"
        )
        await self._callers.post(f"/v1/batches/{self._ids[Step.CANCELLING]}/cancel", {})

    async def _begin(self, step: Step) -> None:
        file_id = await uploaded(self._callers, step.content)
        self._ids[step], self._bodies[step] = await begun(self._callers, file_id, name=step.value)

    async def _begun_again(self, step: Step) -> str:
        again = await keyed(self._callers, "/v1/batches", self._bodies[step], key=step.value)
        return str(again["id"])

    def _answer(self, prompts: set[str]) -> None:
        for prompt in prompts:
            self._engine.let_go(prompt)

    async def _stop_planners(self) -> None:
        """Have two planners stand still: a server has no more at once."""
        planners = Planners()
        for step in (Step.READING, Step.ORPHANED):
            await self._begin(step)
            self._planners[step] = await planners.stop_next(self._callers.server)

    async def _has_recorded(self, step: Step, count: int) -> bool:
        (row,) = await self._site.rows(
            "SELECT completed_count + failed_count AS count FROM batch "
            f"WHERE id = '{self._ids[step]}'"
        )
        return row["count"] == count

    async def _has_failed_to_record(self, step: Step) -> bool:
        """Tell whether the results of all segments that are left were written in vain."""
        left = await self._site.rows(
            f"SELECT id FROM segment WHERE batch_id = '{self._ids[step]}' AND status <> 'done'"
        )
        log = self._callers.server.log()
        return len(left) == (1 if step is Step.LAST else 2) and all(
            _has_failed(log, "recording results", str(row["id"])) for row in left
        )

    async def _until_failed(self, doing: str, batch_id: str) -> None:
        async def is_so() -> bool:
            return _has_failed(self._callers.server.log(), doing, batch_id)

        await _until(is_so)

    async def _seen_at_crash(self) -> Crash:
        rows = {str(row["id"]): row for row in await self._site.rows("SELECT * FROM batch")}
        segments = await self._site.rows("SELECT * FROM segment")
        return Crash(
            rows={step: rows[batch_id] for step, batch_id in self._ids.items()},
            segments={
                step: [row for row in segments if row["batch_id"] == batch_id]
                for step, batch_id in self._ids.items()
            },
            recorded=await self._vault.recorded(),
            remains=await self._vault.remains(),
            calls=list(self._receiver.calls),
            asked_count=len(self._engine.asked),
            log=self._callers.server.log(),
        )

    async def _books(self, step: Step) -> Books:
        return await books_of(self._site, self._callers, self._ids[step], step.lines, CHATS)

    async def _register_endpoint(self) -> None:
        endpoint: Json = {"name": "all", "url": f"{self._receiver.url}/endpoint"}
        types = [f"batch.{status}" for status in EVENTS]
        await self._callers.post("/v1/webhook_endpoints", endpoint | {"event_types": types})

    async def _delivered(self) -> list[Row]:
        """Return all deliveries, once there are none that are owed."""
        while True:
            deliveries = await self._site.rows("SELECT * FROM delivery")
            if all(row["next_at"] is None for row in deliveries):
                return deliveries
            await asyncio.sleep(POLL_S)


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await is_so():
            return
        await asyncio.sleep(POLL_S)


def _has_failed(log: str, doing: str, subject_id: str) -> bool:
    return times_failed(log, doing, subject_id) > 0


def times_failed(log: str, doing: str, subject_id: str) -> int:
    """Return how often a log says that this has failed."""
    return len(re.findall(rf"{doing} failed .*{subject_id}\b", log))
