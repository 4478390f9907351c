"""When batches may be done: judged by the results that were recorded lately.

These are estimates: told to callers, and deciding nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp2, log

from forebay.core.batches import Batch, BatchStatus
from forebay.core.clock import Instant, after

HALF_LIFE_S = 60.0  # what was recorded so long ago counts half as much as what is recorded now
LINE_BYTES = 2048  # of an input that nobody has counted yet

FORESEEN = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING)

BatchPlace = tuple[int, Instant, str]
"""Where a batch stands in the queue of a model: band rank, deadline and id, smaller ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How many lines of a batch and a model got a result in a stretch of time that began then.

    The last of them did at `last_at`.
    """

    batch_id: str
    model: str
    began_at: Instant
    last_at: Instant
    line_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a running batch has left to do for one model."""

    batch_id: str
    model: str
    band_rank: int
    deadline_at: Instant
    line_count: int

    @property
    def place(self) -> BatchPlace:
        """Where it stands in the model's queue."""
        return self.band_rank, self.deadline_at, self.batch_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What may be expected of a batch; None for what cannot be told."""

    left_s: float | None = None
    lines_per_s: float | None = None


class Queue:
    """The work for one model, in the order in which it runs."""

    def __init__(self, works: Iterable[Work]) -> None:
        ordered = sorted(works, key=lambda work: work.place)
        self._places = [work.place for work in ordered]
        self._sums = [0, *accumulate(work.line_count for work in ordered)]

    def before(self, place: BatchPlace) -> int:
        """Return how many lines run before those of the batch at this place."""
        return self._sums[bisect_left(self._places, place)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """Lines a second: of this batch for this model lately, of all batches for it, and of turns.

    The last is the pace of what runs in the background; None where nothing is known.
    """

    own: float | None = None
    model: float | None = None
    background: float | None = None


def lines_per_s(stretches: Iterable[Stretch], *, since: Instant, until: Instant) -> float | None:
    """Return the speed between two instants, the last minutes counting more; None for no lines."""
    lines = 0.0
    for stretch in stretches:
        middle = (stretch.began_at + stretch.last_at) / 2
        lines += stretch.line_count * _weight((until - middle) / 1000)
    span_s = max(1.0, (until - since) / 1000)
    # The weight of all instants of that time, summed up.
    weighed_s = HALF_LIFE_S / log(2) * (1 - _weight(span_s))
    return lines / weighed_s if lines else None


def running_left_s(
    works: Iterable[Work],
    speeds: Mapping[str, Speeds],
    ahead: Mapping[str, int],
    *,
    usual_per_s: float | None,
) -> float | None:
    """Return how long a batch may still run, given by model what is known; None if too little is.

    Models work side by side. The batch's `usual_per_s`, since its beginning, speaks for those that
    recorded nothing lately.
    """
    times = [0.0]
    silent: list[Work] = []
    for work in works:
        known, before = speeds[work.model], ahead[work.model]
        speed = known.model if before else known.own or known.model
        if speed:
            times.append((before + work.line_count) / speed)
        else:
            silent.append(work)
    if silent and usual_per_s:
        times.append(sum(work.line_count for work in silent) / usual_per_s)
        silent = []
    for work in silent:
        turns_per_s = speeds[work.model].background
        if not turns_per_s:
            return None
        times.append((ahead[work.model] + work.line_count) / turns_per_s)
    return max(times)


def waiting_left_s(
    line_count: int, speeds: Mapping[str, Speeds], ahead: Mapping[str, int]
) -> float | None:
    """Return how long a batch may take of which nobody knows yet what models it names.

    It is judged by the slowest of those that may be meant, of which something is known.
    """
    times = [
        (ahead[model] + line_count) / speed
        for model, known in speeds.items()
        if (speed := known.model or known.background)
    ]
    return max(times, default=None)


def expected_at(batch: Batch, forecast: Forecast, *, now: Instant) -> Instant | None:
    """Return when the batch may end; None once it has, or is being cancelled.

    Where nothing is known that is its deadline, as long as that is to come: what was promised.
    """
    if batch.status not in FORESEEN:
        return None
    if forecast.left_s is not None:
        return min(after(now, forecast.left_s), batch.expires_at)
    promised_at = min(batch.deadline_at, batch.expires_at)
    return promised_at if promised_at > now else None


def estimated_lines(size_bytes: int) -> int:
    """Return how many lines an input of that size may have."""
    return max(1, size_bytes // LINE_BYTES)


def _weight(age_s: float) -> float:
    return exp2(-age_s / HALF_LIFE_S)
