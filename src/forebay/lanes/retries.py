"""How long to pause after a failed attempt: twice as long each time, capped, spread by chance."""

from __future__ import annotations

from collections.abc import Callable

from forebay.core.engine_errors import EngineBusy, EngineError, EngineUnreachable, GatewayFailed
from forebay.core.errors import ForebayError
from forebay.engines.breaker import MAX_WISH_S

MAX_FAILURES = 6
FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0

Chance = Callable[[], float]
"""Returns a number from 0 up to 1; tests pass a fixed one."""


def is_failure(error: ForebayError) -> bool:
    """Tell whether a retriable error counts against `MAX_FAILURES`.

    An engine that is away or busy counts for none: its outage makes work late, not failed. One that
    answers 5xx, or breaks off its answer, may do so for this very request, again and again.
    """
    is_outage = isinstance(error, EngineBusy | EngineUnreachable | GatewayFailed)
    return isinstance(error, EngineError) and not is_outage


def pause_s(error: ForebayError, *, attempt: int, chance: Chance) -> float:
    """Return the pause after attempt `attempt` (from 1); an engine's own wish is honoured."""
    longest_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 16))
    spread_s = longest_s * (0.5 + chance() / 2)
    if isinstance(error, EngineBusy | GatewayFailed) and error.retry_after_s is not None:
        # An engine may ask for more patience than ours, not for less.
        return min(max(spread_s, error.retry_after_s), MAX_WISH_S)
    return spread_s
