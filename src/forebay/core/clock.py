"""Time as the rest of the house sees it: whole milliseconds since 1970, read through a `Clock`."""

from __future__ import annotations

import time
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Unix time in milliseconds."""


class Clock(Protocol):
    """Where the time comes from; tests pass one that they move by hand."""

    def now(self) -> Instant:
        """Return the current instant."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Instant:
        """Return the wall-clock time of this machine."""
        return Instant(time.time_ns() // 1_000_000)


def after(instant: Instant, seconds: float) -> Instant:
    """Return the instant `seconds` later."""
    return Instant(instant + round(seconds * 1000))


def seconds_of(instant: Instant) -> int:
    """Return the instant in whole Unix seconds, as the vendors' objects carry it."""
    return instant // 1000
