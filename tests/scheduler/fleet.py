"""A dispatcher with one pool, and waiters that note their turn."""

from __future__ import annotations

import asyncio

from forebay.core.clock import Instant
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.dispatcher import Dispatcher
from forebay.scheduler.slot import Slot
from tests.fakes import ScriptedEngine, looped

INTERACTIVE, DEADLINE, BULK = 0, 1, 2


class Fleet:
    """A dispatcher with one pool, to which replicas are added; waiters note their turn."""

    def __init__(self) -> None:
        self.dispatcher = Dispatcher()
        self.pool = Pool("tiny")
        self.served: list[str] = []
        self.slots: dict[str, Slot] = {}

    def replica(self, slots: int = 1, *pools: Pool) -> Replica:
        """Add a replica that is well to these pools."""
        replica = Replica("r", ScriptedEngine(), slots=slots)
        for pool in pools or (self.pool,):
            pool.add(replica, model=f"{pool.model}-there")
        self.dispatcher.mark_up(replica)
        return replica

    async def take(self, pool: Pool | None = None) -> Slot:
        """Take a slot that must be free."""
        return await self.dispatcher.acquire(
            pool or self.pool, band_rank=INTERACTIVE, deadline_at=Instant(0), max_wait_s=0.001
        )

    def try_take(self, band_rank: int = DEADLINE, deadline_at: int = 0) -> Slot | None:
        """Take a slot if one is to be had at once."""
        return self.dispatcher.try_acquire(
            self.pool, band_rank=band_rank, deadline_at=Instant(deadline_at)
        )

    async def wait(
        self,
        name: str,
        band_rank: int = DEADLINE,
        deadline_at: int = 0,
        *,
        pool: Pool | None = None,
        max_wait_s: float | None = None,
    ) -> asyncio.Task[None]:
        """Begin to wait under this name; the task ends once it has its slot."""

        async def wait() -> None:
            slot = await self.dispatcher.acquire(
                pool or self.pool,
                band_rank=band_rank,
                deadline_at=Instant(deadline_at),
                max_wait_s=max_wait_s,
            )
            self.served.append(name)
            self.slots[name] = slot

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        return task

    async def drain(self, slot: Slot) -> list[str]:
        """Give a slot from waiter to waiter, and return them in their order."""
        while True:
            before = len(self.served)
            slot.release()
            await looped()
            if len(self.served) == before:
                return self.served
            slot = self.slots[self.served[-1]]
