"""Health: a replica that cannot be reached gets no turns until it answers a probe.

One task per replica. A replica that is well is probed now and then, at once when a turn found it
broken; one that is down is probed with growing pauses. A probe also tells which models it serves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from forebay.engines.pool import Replica

log = logging.getLogger(__name__)

WELL_PAUSE_S = 30.0
MIN_DOWN_PAUSE_S = 0.5
MAX_DOWN_PAUSE_S = 10.0
MAX_FAILURES = 3
MIN_REST_S = 2.0
MAX_REST_S = 30.0


class HealthWatch:
    """Watches one replica; each probe tells `on_up` the models served, or `on_down` the reason."""

    def __init__(
        self,
        replica: Replica,
        *,
        on_up: Callable[[Replica, list[str]], None],
        on_down: Callable[[Replica, str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._replica = replica
        self._on_up = on_up
        self._on_down = on_down
        self._sleep = sleep
        self._suspicion = asyncio.Event()
        self.has_probed = asyncio.Event()

    def suspect(self) -> None:
        """Probe now: a turn found the replica broken."""
        self._suspicion.set()

    async def run(self) -> None:
        """Probe for ever."""
        pause_s = MIN_DOWN_PAUSE_S
        while True:
            self._suspicion.clear()
            await self._rest()
            is_well = await self._probe()
            self.has_probed.set()
            if is_well:
                pause_s = MIN_DOWN_PAUSE_S
                wait_s = WELL_PAUSE_S
            else:
                wait_s = pause_s
                pause_s = min(pause_s * 2, MAX_DOWN_PAUSE_S)
            try:
                async with asyncio.timeout(wait_s):
                    await self._suspicion.wait()
            except TimeoutError:
                pass

    async def _rest(self) -> None:
        """Take a replica out for a while that answers probes but fails turn after turn.

        Failing is quick, so such a replica always looks free and would draw all work to itself.
        The last one of a pool is never taken out: then a caller's bad prompts could stop a model.
        """
        replica = self._replica
        excess = replica.failures - MAX_FAILURES
        if excess >= 0 and replica.is_up and replica.is_spare:
            rest_s = min(MIN_REST_S * 2.0 ** min(excess, 16), MAX_REST_S)
            log.warning("replica rests", extra={"replica": replica.name, "seconds": rest_s})
            self._on_down(replica, f"it failed {replica.failures} turns in a row")
            await self._sleep(rest_s)

    async def _probe(self) -> bool:
        replica = self._replica
        try:
            models = await replica.engine.models()
        except Exception as error:
            # Whatever it answered, it must not take the service with it.
            if replica.is_up or replica.last_error is None:
                log.warning("replica down", extra={"replica": replica.name, "reason": str(error)})
            self._on_down(replica, str(error))
            return False
        if not replica.is_up:
            log.info("replica up", extra={"replica": replica.name, "models": models})
        self._on_up(replica, models)
        return True
