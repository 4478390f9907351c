"""Replicas with their slots and health, and the pools that serve one model each."""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.engines.engine import Engine


@dataclass(slots=True, eq=False)
class Replica:
    """One running server. It has `slots` turns at a time over all the models that it serves."""

    name: str
    engine: Engine
    slots: int
    in_flight: int = 0
    is_up: bool = False
    failures: int = 0  # turns in a row that it failed although it could be reached
    last_error: str | None = None
    pools: list[Pool] = field(default_factory=list)

    @property
    def is_spare(self) -> bool:
        """Whether each of its pools has another replica that is well."""
        return all(
            any(member.replica.is_up and member.replica is not self for member in pool.members)
            for pool in self.pools
        )

    @property
    def free_slots(self) -> int:
        """How many more turns fit."""
        return self.slots - self.in_flight if self.is_up else 0


@dataclass(slots=True, eq=False)
class Pool:
    """The replicas that serve one model, each under its own name for it."""

    model: str
    members: list[Member] = field(default_factory=list)

    def add(self, replica: Replica, *, model: str) -> None:
        """Let a replica serve this pool's model under the engine's name `model`."""
        self.members.append(Member(replica, model))
        replica.pools.append(self)

    @property
    def is_up(self) -> bool:
        """Whether any replica is well."""
        return any(member.replica.is_up for member in self.members)


@dataclass(frozen=True, slots=True)
class Member:
    """A replica in a pool."""

    replica: Replica
    model: str
