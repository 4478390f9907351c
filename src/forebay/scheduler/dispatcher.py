"""The dispatcher: hands out slots of replicas in the policy's order, and takes them back.

Event-driven: a slot that frees is given to the next in order at once, in the same call; nothing is
polled. Everything happens on one event loop, between two awaits, so there are no locks.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from types import TracebackType

from forebay.core.clock import Instant
from forebay.core.errors import EngineUnavailable, Overloaded
from forebay.engines.engine import Engine
from forebay.engines.pool import Pool, Replica
from forebay.scheduler.policy import Place, choose_member


class Slot:
    """Room for one turn on a replica. Leaving the `with` block gives it back; so does `release`."""

    __slots__ = ("_dispatcher", "_is_held", "model", "replica")

    def __init__(self, dispatcher: Dispatcher, replica: Replica, model: str) -> None:
        self._dispatcher = dispatcher
        self.replica = replica
        self.model = model
        self._is_held = True

    @property
    def engine(self) -> Engine:
        """The engine to run the turn on, under the name `model`."""
        return self.replica.engine

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the slot back; a second time changes nothing."""
        if self._is_held:
            self._is_held = False
            self._dispatcher.take_back(self.replica)


class Dispatcher:
    """Gives every waiting turn a slot in its order."""

    def __init__(self) -> None:
        self._waiting: dict[Pool, list[tuple[Place, asyncio.Future[Slot]]]] = {}
        self._withdrawn: dict[Pool, int] = {}
        self._arrivals = itertools.count()

    def waiting_count(self, pool: Pool) -> int:
        """Return how many turns wait for a slot of this pool."""
        return len(self._waiting.get(pool, ()))

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
        if not self._waiting.get(pool):
            slot = self._take(pool)
            if slot is not None:
                return slot
        if max_wait_s is not None and not pool.is_up:
            raise EngineUnavailable(f"no engine serves '{pool.model}' at the moment")
        place = Place(band_rank, deadline_at, next(self._arrivals))
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting.setdefault(pool, []), (place, future))
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

    def take_back(self, replica: Replica) -> None:
        """Count a slot of this replica as free and give it to the next in order."""
        replica.in_flight -= 1
        self._refill(replica)

    def mark_up(self, replica: Replica) -> None:
        """Let a replica serve (again)."""
        replica.is_up = True
        replica.last_error = None
        self._refill(replica)

    def mark_down(self, replica: Replica, *, error: str) -> None:
        """Give a replica no more turns until it is well; those that run are left alone."""
        replica.is_up = False
        replica.last_error = error

    def _refill(self, replica: Replica) -> None:
        """Give a replica's free slots to whoever goes first over all of its pools."""
        while replica.free_slots > 0:
            pools = [pool for pool in replica.pools if self._head(pool) is not None]
            if not pools:
                return
            first = min(pools, key=lambda pool: self._waiting[pool][0][0])
            self._fill(first, at_most=1)

    def _fill(self, pool: Pool, *, at_most: int | None = None) -> None:
        given = 0
        while self._head(pool) is not None and given != at_most:
            slot = self._take(pool)
            if slot is None:
                return
            _, future = heapq.heappop(self._waiting[pool])
            future.set_result(slot)
            given += 1

    def _head(self, pool: Pool) -> asyncio.Future[Slot] | None:
        """Return the first that still waits, dropping those that gave up."""
        waiting = self._waiting.get(pool)
        while waiting:
            future = waiting[0][1]
            if not future.done():
                return future
            heapq.heappop(waiting)
        return None

    def _take(self, pool: Pool) -> Slot | None:
        member = choose_member(pool)
        if member is None:
            return None
        member.replica.in_flight += 1
        return Slot(self, member.replica, member.model)

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
