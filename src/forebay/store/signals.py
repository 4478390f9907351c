"""Signals: who waits for something that is in the database is told at once when it changes.

A signal says where to look, never what is there: it is sent after the commit, and one that is lost
(its sender died just then) is made up for by whoever waits looking again after a while. Within a
process a signal is a function call; a bridge may carry it to other processes on the same database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from forebay.core.clock import Instant
from forebay.store.records import Urgency


class Topic(StrEnum):
    """What has changed; the comment says what the subject of the signal is."""

    QUEUED = "queued"  # what `queued_subject` says: a request waits
    CANCELLED = "cancelled"  # a request, or a batch, that must not run any longer
    CHANGED = "changed"  # a request that has new events, or has ended
    OWED = "owed"  # nothing: a delivery is due
    KEYS = "keys"  # nothing: keys were made or revoked
    BATCHES = "batches"  # nothing: a batch was made, planned or cancelled
    RECORDED = "recorded"  # nothing: a batch has all its results, or a segment was given back


def queued_subject(model: str, place: Urgency) -> str:
    """Return the subject that tells of a waiting request of this model, at this place."""
    band_rank, deadline_at = place
    return f"{band_rank} {deadline_at} {model}"


def read_queued(subject: str) -> tuple[str, Urgency]:
    """Return the model and the place that such a subject tells."""
    band_rank, deadline_at, model = subject.split(" ", 2)
    return model, (int(band_rank), Instant(int(deadline_at)))


class Signals:
    """The signals of one process. Used on its event loop only."""

    def __init__(self) -> None:
        self._calls: dict[Topic, list[Callable[[str], None]]] = {}
        self._watched: dict[tuple[Topic, str], list[Callable[[], None]]] = {}
        self._bridge: Callable[[Topic, str], None] | None = None

    def carry(self, bridge: Callable[[Topic, str], None]) -> None:
        """Let `bridge` carry what is sent here to other processes."""
        self._bridge = bridge

    def send(self, topic: Topic, subject: str = "") -> None:
        """Tell everybody, here and in other processes."""
        self.deliver(topic, subject)
        self.tell_others(topic, subject)

    def tell_others(self, topic: Topic, subject: str) -> None:
        """Tell everybody in other processes."""
        if self._bridge is not None:
            self._bridge(topic, subject)

    def deliver(self, topic: Topic, subject: str) -> None:
        """Tell everybody in this process."""
        for call in self._calls.get(topic, ()):
            call(subject)
        for wake in tuple(self._watched.get((topic, subject), ())):
            wake()

    def on(self, topic: Topic, call: Callable[[str], None]) -> None:
        """Call this with the subject of every signal of the topic, from now on."""
        self._calls.setdefault(topic, []).append(call)

    @contextmanager
    def watch(self, topic: Topic, subject: str) -> Iterator[asyncio.Event]:
        """Set the event at each such signal, as long as the block lasts."""
        event = asyncio.Event()
        with self.calling(topic, subject, event.set):
            yield event

    @contextmanager
    def calling(self, topic: Topic, subject: str, call: Callable[[], None]) -> Iterator[None]:
        """Call this at each such signal, as long as the block lasts."""
        watching = self._watched.setdefault((topic, subject), [])
        watching.append(call)
        try:
            yield
        finally:
            watching.remove(call)
            if not watching:
                self._watched.pop((topic, subject), None)
