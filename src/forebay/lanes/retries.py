"""How long to pause after a failed attempt: twice as long each time, capped, spread by chance."""

from __future__ import annotations

from collections.abc import Callable

from forebay.core.errors import EngineBusy, ForebayError

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0

Chance = Callable[[], float]
"""Returns a number from 0 up to 1; tests pass a fixed one."""


def pause_s(error: ForebayError, *, attempt: int, chance: Chance) -> float:
    """Return the pause after attempt `attempt` (from 1); an engine's own wish is honoured."""
    if isinstance(error, EngineBusy) and error.retry_after_s is not None:
        return max(0.0, error.retry_after_s)
    longest_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 16))
    return longest_s * (0.5 + chance() / 2)
