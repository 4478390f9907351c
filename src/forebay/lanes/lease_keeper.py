"""Keeps this process's leases alive, by one statement, and ends work whose lease is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from forebay.core.clock import Clock, Instant, after
from forebay.lanes.wake import repeat
from forebay.store.leases import Leases

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    on_lost: Callable[[], object]
    progress: Callable[[], int]


class LeaseKeeper:
    """The leases that this process holds, each with what to do when it is lost."""

    def __init__(self, leases: Leases, *, clock: Clock, lease_s: float) -> None:
        self._leases = leases
        self._clock = clock
        self._lease_s = lease_s
        self._held: dict[str, _Held] = {}

    def until(self) -> Instant:
        """Return the instant to which a lease taken now runs."""
        return after(self._clock.now(), self._lease_s)

    def hold(
        self, lease_id: str, on_lost: Callable[[], object], *, progress: Callable[[], int] = int
    ) -> None:
        """Renew this lease from now on; `progress` tells the output tokens so far."""
        self._held[lease_id] = _Held(on_lost, progress)

    def drop(self, lease_id: str) -> None:
        """Renew this lease no more: its work has ended."""
        self._held.pop(lease_id, None)

    async def run(self) -> None:
        """Renew for ever, three times in the life of a lease, and reap those that ran out."""
        await repeat(self._renew, wake=asyncio.Event(), doing="the renewal of leases")

    async def _renew(self) -> float:
        asked = {lease_id: held.progress() for lease_id, held in self._held.items()}
        alive = await self._leases.renew(asked, until=self.until()) if asked else set()
        for lease_id in asked:
            if lease_id not in alive and lease_id in self._held:
                log.warning("lease lost", extra={"lease_id": lease_id})
                self._held.pop(lease_id).on_lost()
        # Work that could not be given back is held by nobody, and its lease runs out.
        await self._leases.reap()
        return self._lease_s / 3
