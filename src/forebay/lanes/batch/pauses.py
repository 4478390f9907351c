"""What pauses because it could not be run: the work of others goes first for a while.

Most often it is all of a batch that cannot be read, so that pauses as a whole. Its segment that
failed pauses twice as long: if it is the only one, the others are run meanwhile.
"""

from __future__ import annotations

from forebay.core.clock import Clock, Instant, after

FIRST_S = 1.0
LONGEST_S = 60.0
_DOUBLINGS = 6


class Pauses:
    """The batches and segments that pause, by their ids; each time twice as long as before."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[str, tuple[int, Instant]] = {}

    def begin(self, batch_id: str, segment_id: str) -> None:
        """Let a batch pause, and longer than that its segment that has failed."""
        self._begin(batch_id, 1)
        self._begin(segment_id, 2)

    def end(self, *ids: str) -> None:
        """Forget that these had to pause: they run, or have ended."""
        for id in ids:
            self._found.pop(id, None)

    def current(self) -> list[str]:
        """Return the ids of what pauses now."""
        now = self._clock.now()
        for id, (_, until) in list(self._found.items()):
            if after(until, 2 * LONGEST_S) <= now:  # it ran, or has ended, elsewhere
                del self._found[id]
        return [id for id, (_, until) in self._found.items() if until > now]

    def left_s(self, at_most: float) -> float:
        """Return how long it takes until the first of the pauses is over, if there is any."""
        now = self._clock.now()
        left = [(until - now) / 1000 for _, until in self._found.values() if until > now]
        return min([at_most, *left])

    def _begin(self, id: str, times: int) -> None:
        failures, _ = self._found.get(id, (0, None))
        pause_s = times * min(LONGEST_S, FIRST_S * 2 ** min(failures, _DOUBLINGS))
        self._found[id] = failures + 1, after(self._clock.now(), pause_s)
