"""The life of requests as it should be: a model in plain Python, told what the store is told."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant
from forebay.core.requests import LEGAL_MOVES, RequestStatus, is_final


@dataclass(slots=True)
class Life:
    """What should be true of one request."""

    id: str
    deadline_at: Instant
    expires_at: Instant
    status: RequestStatus = RequestStatus.QUEUED
    lease: int | None = None  # the number of the claim that holds it
    lease_expires_at: Instant | None = None
    not_before_at: Instant | None = None
    attempt: int = 0
    charge_count: int = 0

    def move(self, status: RequestStatus) -> None:
        """Go to another status, which must be a legal move."""
        assert status in LEGAL_MOVES[self.status], f"{self.status} to {status}"
        self.status = status
        if status is not RequestStatus.IN_PROGRESS:
            self.lease = self.lease_expires_at = None

    @property
    def has_ended(self) -> bool:
        """Whether it cannot change any more."""
        return is_final(self.status)


class Lives:
    """Every request of a test."""

    def __init__(self) -> None:
        self.all: dict[str, Life] = {}
        self._claims = 0

    def add(self, life: Life) -> None:
        """A request was enqueued."""
        self.all[life.id] = life

    def claimable(self) -> list[Life]:
        """Return those that may be claimed, the most urgent first."""
        waiting = [
            life
            for life in self.all.values()
            if life.status is RequestStatus.QUEUED and life.not_before_at is None
        ]
        return sorted(waiting, key=lambda life: (life.deadline_at, life.id))

    def claim(self, life: Life, *, until: Instant) -> int:
        """It was claimed; returns the number of the claim."""
        self._claims += 1
        life.move(RequestStatus.IN_PROGRESS)
        life.lease, life.lease_expires_at = self._claims, until
        life.attempt += 1
        return self._claims

    def ripen(self, now: Instant) -> None:
        """The pauses that are over were ended."""
        for life in self.all.values():
            if life.status is RequestStatus.QUEUED and (life.not_before_at or now) <= now:
                life.not_before_at = None

    def take_back(self, *, before: Instant | None) -> int:
        """Leases were taken back, all or those that ran out by then; returns how many."""
        taken = 0
        for life in self.all.values():
            until = life.lease_expires_at
            if until is not None and (before is None or until < before):
                life.move(RequestStatus.QUEUED)
                life.not_before_at = None
                taken += 1
        return taken
