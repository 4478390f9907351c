"""The pace of a model's background work: what those that wait, or run, may expect from it.

These are estimates from what ended lately: told to callers, and deciding nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from forebay.core.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTurn:
    """A turn that ended well; None where its output is not known."""

    began_at: Instant
    ended_at: Instant
    output_tokens: int | None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.began_at) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a model's turns went lately, and how many of them run now."""

    ended: tuple[EndedTurn, ...]
    running_count: int

    @property
    def turn_s(self) -> float | None:
        """How long a turn takes; None when none has ended."""
        return fmean(turn.seconds for turn in self.ended) if self.ended else None

    def start_s(self, position: int) -> float | None:
        """Return in how many seconds the request at this place may begin; 1 is the next.

        That many slots have to become free first, and each does once in a turn.
        """
        turn_s = self.turn_s
        return None if turn_s is None else turn_s * position / self._at_once()

    def left_s(self, *, elapsed_s: float, output_tokens: int) -> float | None:
        """Return how much longer a turn may run that has come so far.

        It is judged by those that gave more: None for a turn that gave more than each of them.
        Without output so far, or without any that is known, the same is asked of the time.
        """
        outputs = [turn.output_tokens for turn in self.ended if turn.output_tokens is not None]
        if outputs and output_tokens > 0 and elapsed_s > 0:
            more = [output - output_tokens for output in outputs if output > output_tokens]
            return fmean(more) * elapsed_s / output_tokens if more else None
        longer = [turn.seconds - elapsed_s for turn in self.ended if turn.seconds > elapsed_s]
        return fmean(longer) if longer else None

    def _at_once(self) -> float:
        """Return how many turns run at once: as many as now, or, when none does, as lately."""
        if self.running_count:
            return self.running_count
        began_at = min(turn.began_at for turn in self.ended)
        ended_at = max(turn.ended_at for turn in self.ended)
        if ended_at == began_at:
            return 1
        busy_s = sum(turn.seconds for turn in self.ended)
        return max(1.0, busy_s * 1000 / (ended_at - began_at))
