"""The moves of breakers, each told to whoever hands out slots: by turns, by probes, and by time.

Time is the event loop's: one timer for each replica that pauses, and nobody looks in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from forebay.engines.breaker import Breaker, BreakerState
from forebay.engines.pool import Replica

log = logging.getLogger(__name__)


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Timers(Protocol):
    """An event loop, as far as its time goes."""

    def time(self) -> float:
        """Return the time in seconds, which only goes forward."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call back at that time."""
        ...


FindTimers = Callable[[], Timers]


class Breakers:
    """Moves breakers. `on_moved` is called with a replica whose breaker has changed its state."""

    def __init__(
        self,
        on_moved: Callable[[Replica], None],
        *,
        timers: FindTimers = asyncio.get_running_loop,
    ) -> None:
        self._on_moved = on_moved
        self._timers = timers
        self._running: dict[Replica, Timer] = {}

    def now_s(self) -> float:
        """Return the time, as breakers take it."""
        return self._timers().time()

    def move(self, replica: Replica, to: Breaker) -> None:
        """Give the replica this breaker; a pause ends by itself."""
        before, replica.breaker = replica.breaker, to
        if to is before:
            return
        if to.state is BreakerState.OPEN:
            self._await_end(replica)
        if to.state is not before.state:
            _log_move(replica, before)
            self._on_moved(replica)

    def _await_end(self, replica: Replica) -> None:
        timer = self._running.pop(replica, None)
        if timer is not None:
            timer.cancel()
        ends_at_s = replica.breaker.ends_at_s
        self._running[replica] = self._timers().call_at(ends_at_s, lambda: self._end(replica))

    def _end(self, replica: Replica) -> None:
        del self._running[replica]
        rested = replica.breaker.rested(self.now_s())
        if rested.state is BreakerState.OPEN:
            self._await_end(replica)  # loops call a little early
        else:
            self.move(replica, rested)


def _log_move(replica: Replica, before: Breaker) -> None:
    breaker = replica.breaker
    fields = {"replica": replica.name, "state": breaker.state.value, "before": before.state.value}
    match breaker.state:
        case BreakerState.OPEN | BreakerState.AWAY:
            log.warning("replica paused", extra=fields | {"reason": breaker.reason})
        case BreakerState.HALF_OPEN | BreakerState.CLOSED:
            log.info("replica takes turns", extra=fields)
