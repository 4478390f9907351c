"""Completion windows: how long a turn may take, and what follows from that.

The window decides the band (order and share of the engine), the deadline and the price. It does not
decide when we stop trying: that is the expiry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from forebay.core.clock import Instant, after
from forebay.core.errors import WindowNotOffered
from forebay.core.lanes import Lane


class Band(StrEnum):
    """What a window means to the scheduler, most urgent first."""

    INTERACTIVE = "interactive"
    DEADLINE = "deadline"
    BULK = "bulk"


BANDS = (Band.INTERACTIVE, Band.DEADLINE, Band.BULK)
"""The bands by rank, most urgent first."""

BAND_RANK: dict[Band, int] = {band: rank for rank, band in enumerate(BANDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionWindow:
    """How long a caller gives us to finish one turn (for a batch: the whole of it)."""

    name: str
    seconds: float
    band: Band
    price_factor: Fraction
    lanes: frozenset[Lane]

    def deadline(self, accepted_at: Instant) -> Instant:
        """Return the instant that the window promises."""
        return after(accepted_at, self.seconds)


ASAP = "asap"
STANDARD = "standard"
DAY = "24h"

DEFAULT_WINDOWS: tuple[CompletionWindow, ...] = (
    CompletionWindow(
        name=ASAP,
        seconds=30.0,
        band=Band.INTERACTIVE,
        price_factor=Fraction(1),
        lanes=frozenset({Lane.REALTIME, Lane.BACKGROUND}),
    ),
    CompletionWindow(
        name=STANDARD,
        seconds=300.0,
        band=Band.DEADLINE,
        price_factor=Fraction(1, 2),
        lanes=frozenset({Lane.REALTIME, Lane.BACKGROUND, Lane.BATCH}),
    ),
    CompletionWindow(
        name=DAY,
        seconds=86_400.0,
        band=Band.BULK,
        price_factor=Fraction(3, 10),
        lanes=frozenset({Lane.BATCH}),
    ),
)

# What a lane gets when the caller names nothing: the first of these that the model offers.
LANE_DEFAULTS: dict[Lane, tuple[str, ...]] = {
    Lane.REALTIME: (ASAP,),
    Lane.BACKGROUND: (STANDARD, ASAP),
    Lane.BATCH: (DAY, STANDARD),
}


def choose_window(
    lane: Lane,
    named: str | None,
    offered: tuple[CompletionWindow, ...],
    *,
    param: str = "metadata.completion_window",
) -> CompletionWindow:
    """Return the window of a call in `lane` that named `named` (or nothing).

    `offered` are the model's windows. A named window never falls back silently: raises
    `WindowNotOffered` when it is unknown, not offered by the model, or not allowed in the lane.
    """
    allowed = {window.name: window for window in offered if lane in window.lanes}
    if named is not None:
        if named in allowed:
            return allowed[named]
        raise WindowNotOffered(named, tuple(allowed), param=param)
    for name in LANE_DEFAULTS[lane]:
        if name in allowed:
            return allowed[name]
    if allowed:
        return next(iter(allowed.values()))
    raise WindowNotOffered(LANE_DEFAULTS[lane][0], tuple(allowed), param=param)
