"""Room for calls, receiver by receiver: one that is slow or down holds up nobody else.

A receiver that answers has many calls at a time. One that did not answer its last call has a single
one until it does, and all of these together have half of the room. One that asked for a pause has
none before its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from forebay.core.clock import Instant

T = TypeVar("T")

MAX_AT_ONCE = 256
MAX_AT_A_RECEIVER = 16
MAX_SILENT_AT_ONCE = MAX_AT_ONCE // 2
MAX_ASKED = 32  # receivers in one claim
MAX_REMEMBERED = 10_000


class Receivers:
    """What is known of receivers in this process."""

    def __init__(self) -> None:
        self._in_flight: Counter[str] = Counter()
        self._silent: dict[str, None] = {}
        self._paused_until: dict[str, Instant] = {}

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return self._in_flight.total()

    @property
    def known(self) -> int:
        """How many receivers may stand before others without having room."""
        return len(self._in_flight) + len(self._silent) + len(self._paused_until)

    def rooms(self, wanted: Sequence[str], *, now: Instant) -> dict[str, int]:
        """Return how many calls each of these may be given, who comes first being served first.

        All of them get one before any gets a second.
        """
        free = MAX_AT_ONCE - self.in_flight
        silent_free = MAX_SILENT_AT_ONCE - self._silent_in_flight()
        rooms: dict[str, int] = {}
        for name in wanted:
            if len(rooms) == min(MAX_ASKED, free):
                break
            if name in self._silent and silent_free <= 0:
                continue
            if self._room(name, now) > 0:
                rooms[name] = 1
                silent_free -= name in self._silent
        free -= len(rooms)
        for name in rooms:
            more = min(free, self._room(name, now) - 1)
            rooms[name] += more
            free -= more
        return rooms

    def begin(self, name: str) -> None:
        """Note a call that begins."""
        self._in_flight[name] += 1

    def end(self, name: str, *, has_answered: bool | None, paused_until: Instant | None) -> None:
        """Note a call that is over; None: it was not made, and tells nothing of the receiver."""
        self._in_flight[name] -= 1
        if not self._in_flight[name]:
            del self._in_flight[name]
        if has_answered:
            self._silent.pop(name, None)
        elif has_answered is not None:
            _remember(self._silent, name, None)
        if paused_until is not None:
            _remember(self._paused_until, name, paused_until)

    def next_pause_end(self, *, now: Instant) -> Instant | None:
        """Return when the first pause ends; those that are over are forgotten."""
        for name in [name for name, end in self._paused_until.items() if end <= now]:
            del self._paused_until[name]
        return min(self._paused_until.values(), default=None)

    def _silent_in_flight(self) -> int:
        return sum(count for name, count in self._in_flight.items() if name in self._silent)

    def _room(self, name: str, now: Instant) -> int:
        if self._paused_until.get(name, now) > now:
            return 0
        most = 1 if name in self._silent else MAX_AT_A_RECEIVER
        return most - self._in_flight[name]


def _remember(known: dict[str, T], name: str, value: T) -> None:
    known.pop(name, None)
    known[name] = value
    if len(known) > MAX_REMEMBERED:
        del known[next(iter(known))]
