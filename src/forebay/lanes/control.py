"""Control: which process runs the deadline and bulk work of a model.

One process at a time has the control of a model; all others answer every call and hand such work
over by the database. It is had by a lease that is renewed, so another process takes over a few
seconds after its holder died. Control only decides who claims: what two might both believe to
control for a moment is still claimed, settled and billed once, for that is fenced by each
request's own lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from forebay.core.clock import Clock, Instant, after
from forebay.lanes.wake import repeat
from forebay.store.database import StoreFailed
from forebay.store.duties import Duties
from forebay.store.leases import Leases

log = logging.getLogger(__name__)

LEASE_S = 6.0
RENEW_S = 2.0
LONGEST_IDLE_S = 3600.0

HOUSEKEEPING = "*"
"""The duty beside the models' own: to plan and close batches, to expire, and to sweep."""


class Control(Protocol):
    """Tells what this process controls."""

    def want(self, duty: str) -> None:
        """Take this duty whenever nobody has it: a model's name, or `HOUSEKEEPING`."""
        ...

    def holds(self, duty: str) -> bool:
        """Tell whether this process has the duty now."""
        ...

    def on_change(self, call: Callable[[str], None]) -> None:
        """Call this with each duty that is taken."""
        ...

    def leave(self) -> None:
        """Let go soon, and take nothing more."""
        ...

    async def run(self) -> None:
        """Take duties and keep them, as long as this runs."""
        ...


class SoleControl:
    """Control of a process that is alone with its database: it has every duty."""

    def want(self, duty: str) -> None:
        """Nothing is to be done: nobody else could have it."""

    def holds(self, duty: str) -> bool:
        """Return True."""
        return True

    def on_change(self, call: Callable[[str], None]) -> None:
        """Nothing changes."""

    def leave(self) -> None:
        """Nobody else could take over."""

    async def run(self) -> None:
        """Nothing is to be renewed."""


class LeasedControl:
    """Control by leases, for processes that share a database. `owner` names this one."""

    def __init__(self, duties: Duties, leases: Leases, *, clock: Clock, owner: str) -> None:
        self._duties = duties
        self._leases = leases
        self._clock = clock
        self._owner = owner
        self._wanted: set[str] = set()
        self._held_until: dict[str, Instant] = {}
        self._calls: list[Callable[[str], None]] = []
        self._wake = asyncio.Event()
        self._renewed_at: Instant | None = None
        self._is_leaving = False

    def want(self, duty: str) -> None:
        """Take this duty whenever nobody has it."""
        self._wanted.add(duty)
        self._wake.set()

    def holds(self, duty: str) -> bool:
        """Tell whether this process has the duty now."""
        return self._clock.now() < self._held_until.get(duty, 0)

    def on_change(self, call: Callable[[str], None]) -> None:
        """Call this with each duty that is taken."""
        self._calls.append(call)

    def leave(self) -> None:
        """Let go soon, and take nothing more: others need not wait for what ends here."""
        self._is_leaving = True
        self._wake.set()

    async def run(self) -> None:
        """Take and renew for ever, then let go, so that others need not wait for the lease."""
        try:
            await repeat(self._step, wake=self._wake, doing="the control of models")
        finally:
            with suppress(StoreFailed):  # then it runs out
                await self._let_go()

    async def _step(self) -> float:
        if self._is_leaving:
            await self._let_go()
            return LONGEST_IDLE_S
        await self.renew()
        return RENEW_S

    def _could_renew(self, now: Instant) -> bool:
        """Tell whether others could renew lately: after an outage nobody has, dead or not."""
        return self._renewed_at is not None and now <= after(self._renewed_at, 2 * RENEW_S)

    async def _let_go(self) -> None:
        self._held_until.clear()
        await self._duties.let_go(self._owner)

    async def renew(self) -> None:
        """Take what is to be had, and keep what is had already."""
        now = self._clock.now()
        until = after(now, LEASE_S)
        found = await self._duties.take(sorted(self._wanted), self._owner, until=until)
        if self._could_renew(now):
            # What a dead process ran need not wait until its leases run out, too.
            await self._leases.void_of(found.orphaned)
        self._renewed_at = now
        taken = [duty for duty in sorted(found.held) if not self.holds(duty)]
        lost = [duty for duty in self._held_until if duty not in found.held]
        self._held_until = dict.fromkeys(found.held, until)
        for duty in lost:
            log.warning("control lost", extra={"duty": duty})
        for duty in taken:
            log.info("control taken", extra={"duty": duty})
            for call in self._calls:
                call(duty)
