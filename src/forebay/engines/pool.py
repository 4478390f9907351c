"""Replicas with their slots and breakers, and the pools that serve one model each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from forebay.engines.breaker import Breaker, BreakerState
from forebay.engines.engine import Engine


@dataclass(slots=True, eq=False)
class Replica:
    """One running server. It has `slots` turns at a time over all the models that it serves."""

    name: str
    engine: Engine
    slots: int
    in_flight: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    pools: list[Pool] = field(default_factory=list)

    @property
    def is_up(self) -> bool:
        """Whether it can be reached, as far as is known."""
        return self.breaker.state is not BreakerState.AWAY

    @property
    def is_paused(self) -> bool:
        """Whether it can be reached, but takes no turns for a while, or one on trial."""
        return self.breaker.state in (BreakerState.OPEN, BreakerState.HALF_OPEN)

    @property
    def room(self) -> int:
        """How many more turns fit where none can be refused to it."""
        return self.slots - self.in_flight if self.is_up else 0

    @property
    def free_slots(self) -> int:
        """How many more turns its breaker lets through."""
        match self.breaker.state:
            case BreakerState.CLOSED:
                return self.slots - self.in_flight
            case BreakerState.HALF_OPEN:
                return 0 if self.breaker.has_trial else min(1, self.slots - self.in_flight)
            case BreakerState.OPEN | BreakerState.AWAY:
                return 0
            case state:
                assert_never(state)


@dataclass(slots=True, eq=False)
class Pool:
    """The replicas that serve one model, each under its own name for it.

    `takes_prefill`: whether they go on with an assistant's message; None where each engine tells.
    """

    model: str
    takes_prefill: bool | None = None
    members: list[Member] = field(default_factory=list)

    def add(self, replica: Replica, *, model: str) -> None:
        """Let a replica serve this pool's model under the engine's name `model`."""
        self.members.append(Member(replica, model))
        replica.pools.append(self)

    @property
    def is_up(self) -> bool:
        """Whether any replica can be reached."""
        return any(member.replica.is_up for member in self.members)


@dataclass(frozen=True, slots=True)
class Member:
    """A replica in a pool."""

    replica: Replica
    model: str
