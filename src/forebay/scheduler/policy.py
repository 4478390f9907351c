"""The policy, pure: in what order turns wait, and on which replica one runs.

Interactive work goes first, then deadline work by its deadline, then bulk; within a band the
earlier deadline, then the earlier arrival.
"""

from __future__ import annotations

from typing import NamedTuple

from forebay.core.clock import Instant
from forebay.engines.pool import Member, Pool


class Place(NamedTuple):
    """Where a turn stands in the order; smaller goes first."""

    band_rank: int
    deadline_at: Instant
    arrival: int


def choose_member(pool: Pool) -> Member | None:
    """Return the healthy member with the largest share of free slots, or None if all are full."""
    best: Member | None = None
    best_share = 0.0
    for member in pool.members:
        replica = member.replica
        share = replica.free_slots / replica.slots
        if share > best_share:
            best, best_share = member, share
    return best
