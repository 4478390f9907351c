"""A connection of the closed loop, and the tally that all connections of a run share."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from bench.answer_connection import AnswerConnection


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is still to be asked in a run, and what came of it; instants are `perf_counter`'s."""

    requests: Iterator[bytes]
    requests_left: int | None
    pause_s: float
    open: int
    started_at: float = 0.0
    stop_at: float = 0.0
    ended_at: float = 0.0
    chance: Random = field(default_factory=lambda: Random(1))
    errors: int = 0
    first_error: str | None = None
    latencies_s: list[float] = field(default_factory=list)
    first_bytes_s: list[float] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def next_request(self, now: float) -> bytes | None:
        """Give the bytes to send, or nothing when the run is over."""
        if now >= self.stop_at or self.requests_left == 0:
            return None
        if self.requests_left is not None:
            self.requests_left -= 1
        return next(self.requests)

    def next_pause_s(self) -> float:
        """Draw a pause, or else the connections would soon ask all at the same moment."""
        return self.pause_s * self.chance.uniform(0.5, 1.5)

    def fail(self, message: str) -> None:
        """Count an error, and keep the first one's message."""
        self.errors += 1
        if self.first_error is None:
            self.first_error = message

    def leave(self) -> None:
        """Say that one more connection asks no more; the last one ends the run."""
        self.open -= 1
        if self.open == 0:
            self.finished.set()


class LoadConnection(AnswerConnection):
    """Asks one request after the other."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.has_left = False

    def ask(self) -> None:
        """Send the next request, or leave the run when there is none."""
        now = time.perf_counter()
        request = None if self.has_left else self.tally.next_request(now)
        if request is None:
            self._leave()
        else:
            self.send(request, now)

    def answered(self, now: float, failure: str | None) -> None:
        self.tally.ended_at = now
        if failure is not None:
            self.tally.fail(failure)
        else:
            self.tally.latencies_s.append(now - self.sent_at)
            self.tally.first_bytes_s.append((self.first_byte_at or now) - self.sent_at)
        if self.tally.pause_s:
            asyncio.get_running_loop().call_later(self.tally.next_pause_s(), self.ask)
        else:
            self.ask()

    def given_up(self, reason: str | None) -> None:
        if reason is not None:
            self.tally.fail(reason)
        self._leave()

    def _leave(self) -> None:
        if not self.has_left:
            self.has_left = True
            self.tally.leave()
