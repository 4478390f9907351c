"""When a webhook is tried again, and when it is given up. Pure decisions."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from forebay.core.clock import Instant
from forebay.lanes.retries import Chance

# After the first failed try, the second, and so on; then it is given up.
ENDPOINT_PAUSES_S = (
    5.0,
    300.0,
    1800.0,
    2 * 3600.0,
    5 * 3600.0,
    10 * 3600.0,
    14 * 3600.0,
    20 * 3600.0,
    24 * 3600.0,
)
"""Those that Standard Webhooks suggests; no try is later than `MAX_ENDPOINT_S`."""

REQUEST_PAUSES_S = (5.0, 30.0, 120.0)
"""For the webhook that a request itself names: tried once, and three times more."""

SPREAD = 0.1  # so much of a pause is left to chance
MAX_ENDPOINT_S = 72 * 3600.0  # from the event, or from the wish to have it again, to the last try
MAX_ENDPOINT_WISH_S = 24 * 3600.0
MAX_REQUEST_WISH_S = 3600.0


def pause_s(
    *,
    is_endpoint: bool,
    failures: int,
    wish_s: float | None,
    chance: Chance,
    passed_s: float,
) -> float | None:
    """Return the pause after that many failed tries (from 1), or None to give up.

    A receiver may wish for a longer pause than ours, in limits, not for a shorter one. The pause
    before an endpoint's last try is cut to its end; `passed_s` is how long it has been tried.
    """
    pauses_s = ENDPOINT_PAUSES_S if is_endpoint else REQUEST_PAUSES_S
    if failures > len(pauses_s):
        return None
    longest_s = MAX_ENDPOINT_WISH_S if is_endpoint else MAX_REQUEST_WISH_S
    spread_s = pauses_s[failures - 1] * (1 - SPREAD * chance())
    pause = max(spread_s, min(wish_s or 0.0, longest_s))
    if not is_endpoint:
        return pause
    left_s = MAX_ENDPOINT_S - passed_s
    return min(pause, left_s) if left_s > 0 else None


def wished_pause_s(retry_after: str | None, *, now: Instant) -> float | None:
    """Return the seconds that a `Retry-After` asks for; None if it is no number and no date."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        wished = parsedate_to_datetime(text).timestamp() - now / 1000
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, wished)
