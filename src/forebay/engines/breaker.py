"""The breaker of a replica, pure: whether it takes turns, told by how its turns and probes went.

Only a probe that is answered ends its absence. A pause is ended by time, and a turn on trial shows
whether the replica is well again: its first output does, so that an hour of writing holds nobody
up, but only a whole answer ends the count of what went wrong in a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from forebay.core.engine_errors import EngineBusy, EngineError, EngineUnreachable, GatewayFailed

MAX_FAILURES = 3
MIN_PAUSE_S = 2.0
FIRST_BUSY_PAUSE_S = 1.0
MAX_PAUSE_S = 30.0
MAX_WISH_S = 3600.0
"""The longest pause that an engine is granted; it may ask for more patience than ours, not less."""


class BreakerState(StrEnum):
    """Whether turns may go to the replica."""

    AWAY = "away"  # none at all; left by a probe that is answered
    CLOSED = "closed"  # as many as fit; left by failures in a row, a refusal, or its absence
    OPEN = "open"  # none that can wait; left at the end of its pause, or by its absence
    HALF_OPEN = "half_open"  # one at a time; left by what becomes of it, or by its absence


LEGAL_MOVES: dict[BreakerState, frozenset[BreakerState]] = {
    BreakerState.AWAY: frozenset({BreakerState.CLOSED, BreakerState.HALF_OPEN}),
    BreakerState.CLOSED: frozenset({BreakerState.OPEN, BreakerState.AWAY}),
    BreakerState.OPEN: frozenset({BreakerState.HALF_OPEN, BreakerState.AWAY}),
    BreakerState.HALF_OPEN: frozenset({BreakerState.CLOSED, BreakerState.OPEN, BreakerState.AWAY}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """One state, and what led to it. Times are seconds of any clock that only goes forward.

    `opening` counts the times that it stopped taking turns: what a turn from before one tells is
    old news. `failures` counts the turns in a row that broke, `refusals` those for which it was too
    busy. `reason` is why it is not closed.
    """

    state: BreakerState = BreakerState.AWAY
    ends_at_s: float = 0.0
    opening: int = 0
    failures: int = 0
    refusals: int = 0
    has_trial: bool = False
    reason: str | None = "it has not answered yet"

    def found(self) -> Breaker:
        """A probe was answered. A replica that comes back is tried before it gets all its turns."""
        if self.state is not BreakerState.AWAY:
            return self
        if self.opening == 0:
            return self._moved(BreakerState.CLOSED)
        return replace(self._moved(BreakerState.HALF_OPEN), failures=0, refusals=0)

    def lost(self, reason: str) -> Breaker:
        """Nothing answers at its address."""
        if self.state is BreakerState.AWAY:
            return replace(self, reason=reason)
        return self._moved(BreakerState.AWAY, opening=self.opening + 1, reason=reason)

    def rested(self, now_s: float) -> Breaker:
        """Time has passed: a pause that is over is followed by a trial."""
        if self.state is BreakerState.OPEN and now_s >= self.ends_at_s:
            return self._moved(BreakerState.HALF_OPEN)
        return self

    def tried(self) -> Breaker:
        """A turn has begun; half open, it is the trial."""
        is_trial = self.state is BreakerState.HALF_OPEN
        return replace(self, has_trial=True) if is_trial else self

    def untried(self, opening: int) -> Breaker:
        """The trial that began in that opening ended without telling anything."""
        return replace(self, has_trial=False) if opening == self.opening else self

    def answering(self, opening: int) -> Breaker:
        """A turn that began in that opening has brought its first output."""
        if self.state is BreakerState.HALF_OPEN and opening == self.opening:
            return self._moved(BreakerState.CLOSED)
        return self

    def worked(self, opening: int) -> Breaker:
        """A turn that began in that opening was answered to its end."""
        if opening != self.opening:
            return self
        answered = self.answering(opening)
        is_count_open = self.failures or self.refusals
        return replace(answered, failures=0, refusals=0) if is_count_open else answered

    def failed(self, error: EngineError, opening: int, *, is_trial: bool, now_s: float) -> Breaker:
        """A turn that began in that opening, on trial or not, ended with this error."""
        match error:
            case EngineUnreachable():
                return self.lost(str(error))
            case EngineBusy() | GatewayFailed():
                return self._refused(error.retry_after_s or 0.0, now_s)
            case _:
                return self._broken(opening, is_trial=is_trial, now_s=now_s)

    def _refused(self, wish_s: float, now_s: float) -> Breaker:
        """Pause as long as the replica wishes, or a little longer at each refusal in a row."""
        match self.state:
            case BreakerState.AWAY:
                return self
            case BreakerState.OPEN:
                ends_at_s = max(self.ends_at_s, now_s + min(wish_s, MAX_WISH_S))
                return replace(self, ends_at_s=ends_at_s)
            case _:
                ours_s = FIRST_BUSY_PAUSE_S * 2.0 ** min(self.refusals, 16)
                pause_s = max(min(ours_s, MAX_PAUSE_S), min(wish_s, MAX_WISH_S))
                opened = self._opened(now_s + pause_s, "it is busy or away")
                return replace(opened, refusals=self.refusals + 1)

    def _broken(self, opening: int, *, is_trial: bool, now_s: float) -> Breaker:
        """Count a failure; too many in a row, or the trial's, make it pause."""
        if opening != self.opening:
            return self
        counted = replace(self, failures=self.failures + 1)
        excess = counted.failures - MAX_FAILURES
        is_verdict = self.state is BreakerState.HALF_OPEN and is_trial
        if is_verdict or (self.state is BreakerState.CLOSED and excess >= 0):
            pause_s = min(MIN_PAUSE_S * 2.0 ** min(max(excess, 0), 16), MAX_PAUSE_S)
            return counted._opened(now_s + pause_s, f"{counted.failures} turns in a row failed")
        return counted

    def _opened(self, ends_at_s: float, reason: str) -> Breaker:
        opening = self.opening + 1
        return self._moved(BreakerState.OPEN, ends_at_s=ends_at_s, opening=opening, reason=reason)

    def _moved(
        self,
        to: BreakerState,
        *,
        ends_at_s: float = 0.0,
        opening: int | None = None,
        reason: str | None = None,
    ) -> Breaker:
        assert to in LEGAL_MOVES[self.state], f"a breaker never goes from {self.state} to {to}"
        return replace(
            self,
            state=to,
            ends_at_s=ends_at_s,
            opening=self.opening if opening is None else opening,
            has_trial=False,
            reason=None if to is BreakerState.CLOSED else reason or self.reason,
        )
