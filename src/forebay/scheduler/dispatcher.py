"""The dispatcher: hands out slots of replicas in the policy's order, and takes them back.

Event-driven: a slot that frees is given to the next in order at once, in the same call; nothing is
polled. Everything happens on one event loop, between two awaits, so there are no locks.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from forebay.core.clock import Instant
from forebay.core.engine_errors import EngineUnavailable
from forebay.core.errors import Overloaded
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.breakers import Breakers, FindTimers
from forebay.scheduler.policy import Place, choose_member
from forebay.scheduler.slot import Slot


class Dispatcher:
    """Gives every waiting turn a slot in its order. `timers` finds the event loop."""

    def __init__(self, *, timers: FindTimers = asyncio.get_running_loop) -> None:
        self._waiting: dict[Pool, list[tuple[Place, asyncio.Future[Slot]]]] = {}
        self._withdrawn: dict[Pool, int] = {}
        self._arrivals = itertools.count()
        self._patient: set[asyncio.Future[Slot]] = set()
        self._is_ending = False
        self._breakers = Breakers(self._refill, timers=timers)

    async def acquire(
        self,
        pool: Pool,
        *,
        band_rank: int,
        deadline_at: Instant,
        max_wait_s: float | None = None,
    ) -> Slot:
        """Return a slot of the pool when its turn has come; the caller gives it back.

        With `max_wait_s`, raises `EngineUnavailable` at once when no replica is well, and
        `Overloaded` when the wait is over; without it, waits as long as it takes.
        """
        is_held_back = self._is_ending and max_wait_s is None
        if not self._waiting.get(pool) and not is_held_back:
            slot = self._take(pool, band_rank)
            if slot is not None:
                return slot
        if max_wait_s is not None and not pool.is_up:
            raise EngineUnavailable(f"no engine serves '{pool.model}' at the moment")
        place = Place(band_rank, deadline_at, next(self._arrivals))
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(pool, [])
        if max_wait_s is None:
            self._patient.add(future)
            future.add_done_callback(self._patient.discard)
        if not is_held_back:
            heapq.heappush(waiting, (place, future))
        # Whoever goes first may have been blocked by nothing but this call's absence.
        self._fill(pool)
        try:
            async with asyncio.timeout(max_wait_s):
                return await future
        except TimeoutError:
            self._withdraw(pool, future)
            raise Overloaded(
                f"'{pool.model}' is busy: no slot was free for {max_wait_s:g} s",
                retry_after_s=max_wait_s or 1.0,
            ) from None
        except asyncio.CancelledError:
            self._withdraw(pool, future)
            raise

    def hold_back(self) -> None:
        """Give nothing more to whoever waits as long as it takes: this process is about to end."""
        self._is_ending = True
        for waiting in self._waiting.values():
            waiting[:] = [entry for entry in waiting if entry[1] not in self._patient]
            heapq.heapify(waiting)

    def try_acquire(self, pool: Pool, *, band_rank: int, deadline_at: Instant) -> Slot | None:
        """Return a slot of the pool if one is free and nobody more urgent, or as urgent, waits."""
        if self._head(pool) is not None:
            first = self._waiting[pool][0][0]
            if (first.band_rank, first.deadline_at) <= (band_rank, deadline_at):
                return None
        return self._take(pool, band_rank)

    def mark_up(self, replica: Replica) -> None:
        """Let a replica that answered a probe serve (again)."""
        self._breakers.move(replica, replica.breaker.found())
        self._refill(replica)  # it may be new to a pool

    def mark_down(self, replica: Replica, *, error: str) -> None:
        """Give a replica no more turns until it is well; those that run are left alone."""
        self._breakers.move(replica, replica.breaker.lost(error))

    def _refill(self, replica: Replica, *, at_most: int | None = None) -> None:
        """Give what is free to whoever goes first over all of the replica's pools.

        One that is away makes room too: then another, that pauses, may be somebody's last resort.
        """
        pools = [pool for pool in replica.pools if self._head(pool) is not None]
        given = 0
        while pools and given != at_most:
            first = min(pools, key=lambda pool: self._waiting[pool][0][0])
            has_given = self._give(first)
            given += has_given
            if not has_given or self._head(first) is None:
                pools.remove(first)

    def _fill(self, pool: Pool) -> None:
        while self._head(pool) is not None and self._give(pool):
            pass

    def _give(self, pool: Pool) -> bool:
        """Give the first that waits a slot, if one is free for it."""
        slot = self._take(pool, self._waiting[pool][0][0].band_rank)
        if slot is None:
            return False
        _, future = heapq.heappop(self._waiting[pool])
        future.set_result(slot)
        return True

    def _head(self, pool: Pool) -> asyncio.Future[Slot] | None:
        """Return the first that still waits, dropping those that gave up."""
        waiting = self._waiting.get(pool)
        while waiting:
            future = waiting[0][1]
            if not future.done():
                return future
            heapq.heappop(waiting)
        return None

    def _take(self, pool: Pool, band_rank: int) -> Slot | None:
        member = choose_member(pool, band_rank=band_rank)
        if member is None:
            return None
        return Slot(pool, member, self._breakers, on_released=self._released)

    def _released(self, replica: Replica) -> None:
        self._refill(replica, at_most=1)

    def _withdraw(self, pool: Pool, future: asyncio.Future[Slot]) -> None:
        """Stop waiting; a slot that was given in the same instant goes to the next."""
        if future.done() and not future.cancelled():
            future.result().release()
        else:
            future.cancel()
            self._forget_the_dead(pool)

    def _forget_the_dead(self, pool: Pool) -> None:
        """Drop those that gave up, at the head always and behind it once they are many."""
        self._head(pool)
        waiting = self._waiting[pool]
        self._withdrawn[pool] = self._withdrawn.get(pool, 0) + 1
        if 2 * self._withdrawn[pool] > len(waiting):
            self._withdrawn[pool] = 0
            waiting[:] = [entry for entry in waiting if not entry[1].done()]
            heapq.heapify(waiting)
