"""Idempotency: a call that is sent again with its key makes nothing new, and costs nothing.

What is made by one transaction reserves its key in it. Work that takes a while holds its key by a
lease, ends that with its result, and frees the key when it fails or its caller leaves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from forebay.core.errors import ForebayError, IdempotencyKeySpent, LeaseLost, NotFound, StillRunning
from forebay.core.ids import NewId
from forebay.lanes.lease_keeper import LeaseKeeper
from forebay.lanes.uninterrupted import uninterrupted
from forebay.store.database import Operation, Tx
from forebay.store.reservations import Birth, KeyTaken, KeyUse, Reservations

T = TypeVar("T")

log = logging.getLogger(__name__)


class Hold:
    """The hold on a key. `ending` is what ends it, in the transaction that keeps the result."""

    def __init__(self, end: Operation[None]) -> None:
        self._end = end
        self._task = asyncio.current_task()
        self._has_ended = False
        self._is_lost = False

    async def ending(self, tx: Tx) -> None:
        """End the hold; raises `LeaseLost` when it is another call's by now."""
        await self._end(tx)
        self._has_ended = True

    def lose(self) -> None:
        """Stop the work, unless its result is kept already and its answer on the way."""
        if not self._has_ended and self._task is not None:
            self._is_lost = True
            self._task.cancel()

    def was_cut(self) -> bool:
        """Tell whether it is the loss alone that cancelled the work."""
        return self._is_lost and self._task is not None and self._task.uncancel() == 0


class Idempotency:
    """What idempotency keys stand for."""

    def __init__(self, reservations: Reservations, leases: LeaseKeeper, *, new_id: NewId) -> None:
        self._reservations = reservations
        self._leases = leases
        self._new_id = new_id

    async def find(self, use: KeyUse) -> str | None:
        """Return the id of what the key has made, or None when the key is free.

        Raises `IdempotencyKeySpent` for another call, and `StillRunning` while it is being made.
        """
        reservation = await self._reservations.get(use)
        if reservation is None:
            return None
        if reservation.fingerprint != use.fingerprint:
            raise IdempotencyKeySpent(
                "This idempotency key was used with another body or window before: take a new key "
                "for a new call."
            )
        if not reservation.is_made:
            raise StillRunning("A call with this idempotency key is still running.")
        return reservation.subject_id

    async def find_taken(self, use: KeyUse) -> str:
        """Return the id of what another call has made that had the key a moment earlier."""
        subject_id = await self.find(use)
        if subject_id is None:
            # It has failed meanwhile.
            raise StillRunning("Another call with this idempotency key was cut off just now.")
        return subject_id

    def reserving(self, use: KeyUse, subject_id: str) -> Operation[None]:
        """Return what reserves the key in the transaction that makes the subject.

        It raises `KeyTaken` when another call was faster.
        """
        return self._reservations.made(use, subject_id)

    async def once(
        self,
        use: KeyUse | None,
        prefix: str,
        *,
        make: Callable[[Birth], Awaitable[T]],
        show: Callable[[str], Awaitable[T]],
    ) -> T:
        """Make something in one transaction, or show what the key has made before.

        Without a key it is made. Raises `IdempotencyKeySpent` when what was made is gone.
        """
        if use is None:
            return await make(Birth(id=self._new_id(prefix)))
        made = await self.find(use)
        if made is None:
            fresh = self._new_id(prefix)
            try:
                return await make(Birth(id=fresh, first=self.reserving(use, fresh)))
            except KeyTaken:
                made = await self.find_taken(use)
        try:
            return await show(made)
        except NotFound:
            raise IdempotencyKeySpent("What this idempotency key has made is gone.") from None

    @asynccontextmanager
    async def holding(self, use: KeyUse, subject_id: str) -> AsyncIterator[Hold]:
        """Hold the key for the work of the block; raises `KeyTaken` when another call has it.

        A hold that the block has not ended is given up, so that the key is free again. The work is
        cut off when the lease is lost, and this raises `LeaseLost`.
        """
        lease_id = self._new_id("lease_")
        hold = Hold(self._reservations.ending(lease_id))
        try:
            await uninterrupted(
                self._reservations.hold(
                    use, subject_id, lease_id=lease_id, lease_expires_at=self._leases.until()
                )
            )
            self._leases.hold(lease_id, hold.lose)
            yield hold
        except asyncio.CancelledError:
            if hold.was_cut():
                raise LeaseLost("the lease on the idempotency key was lost") from None
            raise
        finally:
            self._leases.drop(lease_id)
            await uninterrupted(self._release(lease_id))

    async def end(self, hold: Hold) -> None:
        """End a hold whose work has kept nothing; raises `LeaseLost`."""
        await self._reservations.run(hold.ending)

    async def _release(self, lease_id: str) -> None:
        try:
            await self._reservations.release(lease_id)
        except ForebayError:
            # Whoever comes with the key waits until the lease has run out.
            log.exception("idempotency key not released", extra={"lease_id": lease_id})
