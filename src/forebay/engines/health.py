"""Health: a replica that cannot be reached gets no turns until it answers a probe.

One task per replica. A replica that is up is probed now and then, at once when a turn found it
broken; one that is down is probed with growing pauses. A probe also tells which models it serves.
What becomes of turns is the breaker's matter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from forebay.engines.pool import Replica

log = logging.getLogger(__name__)

WELL_PAUSE_S = 30.0
MIN_DOWN_PAUSE_S = 0.5
MAX_DOWN_PAUSE_S = 10.0


class HealthWatch:
    """Watches one replica; each probe tells `on_up` the models served, or `on_down` the reason."""

    def __init__(
        self,
        replica: Replica,
        *,
        on_up: Callable[[Replica, list[str]], None],
        on_down: Callable[[Replica, str], None],
    ) -> None:
        self._replica = replica
        self._on_up = on_up
        self._on_down = on_down
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

    async def _probe(self) -> bool:
        replica = self._replica
        try:
            models = await replica.engine.models()
        except Exception as error:
            # Whatever it answered, it must not take the service with it.
            if replica.is_up or not self.has_probed.is_set():
                log.warning("replica down", extra={"replica": replica.name, "reason": str(error)})
            self._on_down(replica, str(error))
            return False
        if not replica.is_up:
            log.info("replica up", extra={"replica": replica.name, "models": models})
        self._on_up(replica, models)
        return True
