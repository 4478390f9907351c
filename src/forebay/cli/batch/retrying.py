"""When a call is made again, and after how long; decided from what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from forebay.core.clock import Instant
from forebay.engines.retry_after import retry_after_s

TRIES = 8
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
LONGEST_WISH_S = 120.0  # a server that asks for more is told of instead

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
REFUSING = frozenset({425, 429, 503, 529})
"""Statuses of a call that had no effect, whatever it asked for."""


def pause_after(tries: int) -> float:
    """Return how long to wait after so many tries in vain."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (tries - 1))


def pause_after_answer(
    tries: int, status: int, headers: Mapping[str, str], *, now: Instant, is_safe: bool
) -> float | None:
    """Return how long to wait before the call is made again; None where that would not help.

    A call that is not safe to repeat is repeated only if it had no effect.
    """
    wish = headers.get("x-should-retry", "").lower()
    may_pass = status in (PASSING if is_safe else REFUSING) or (is_safe and wish == "true")
    if wish == "false" or not may_pass or tries >= TRIES:
        return None
    asked_s = retry_after_s(headers.get("Retry-After", "").encode() or None, now=now)
    if asked_s is None:
        return pause_after(tries)
    return None if asked_s > LONGEST_WISH_S or math.isnan(asked_s) else asked_s
