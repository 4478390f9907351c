"""How fast a batch goes and when it may be done: from what the server says, or from its counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from forebay.cli.batch.shapes import BatchView

WINDOW_S = 30.0
"""The rate is that of so many seconds, or of all while it is younger."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Lines a second, and the seconds that are left; None is unknown."""

    lines_per_s: float | None = None
    left_s: float | None = None


class Pace:
    """Follows the counts of one batch."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def seen(self, batch: BatchView, *, now_s: float, unix_s: float) -> Outlook:
        """Take note of a batch as it stands, and tell what may be expected of it."""
        done, total = batch.counts.done, batch.counts.total
        if done and batch.status == "in_progress":
            self._seen.append((now_s, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()
        told = None if batch.forebay is None else batch.forebay.progress
        rate = (told.lines_per_s if told else None) or self._rate()
        left_s = told.eta_s if told else None
        if left_s is None and rate is not None and total:
            left_s = (total - done) / rate
        return Outlook(lines_per_s=rate, left_s=left_s or _until_expected(batch, unix_s))

    def _rate(self) -> float | None:
        if len(self._seen) < 2:
            return None
        (since, before), (until, after) = self._seen[0], self._seen[-1]
        return (after - before) / (until - since) if until > since and after > before else None


def _until_expected(batch: BatchView, unix_s: float) -> float | None:
    """Return the seconds until a batch is expected; its deadline alone is no expectation."""
    told = batch.forebay
    if told is None or told.expected_at is None or told.expected_at == told.deadline_at:
        return None
    return max(0.0, told.expected_at - unix_s)


def seconds_text(seconds: float) -> str:
    """Return a time as a person says it: `4 s`, `3 min`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
