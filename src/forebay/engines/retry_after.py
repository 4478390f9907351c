"""Retry-After, as engines and the proxies before them send it: seconds, or a date."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime

from forebay.core.clock import Instant


def retry_after_s(value: bytes | None, *, now: Instant) -> float | None:
    """Return the seconds from `now` that the header asks for; None where it says nothing usable.

    A date that has passed asks for none.
    """
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(text: str, now: Instant) -> float | None:
    try:
        at_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at_s - now / 1000)
