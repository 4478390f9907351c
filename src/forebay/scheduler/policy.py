"""The policy, pure: in what order turns wait, and on which replica one runs.

Interactive work goes first, then deadline work by its deadline, then bulk; within a band the
earlier deadline, then the earlier arrival. Work that can wait goes where breakers let it; work that
cannot goes, where no replica is well, to one that pauses: a caller's bad prompts must not stop a
model for everybody.
"""

from __future__ import annotations

from typing import NamedTuple

from forebay.core.clock import Instant
from forebay.core.windows import BAND_RANK, Band
from forebay.engines.breaker import BreakerState
from forebay.engines.pool import Member, Pool


class Place(NamedTuple):
    """Where a turn stands in the order; smaller goes first."""

    band_rank: int
    deadline_at: Instant
    arrival: int


def choose_member(pool: Pool, *, band_rank: int) -> Member | None:
    """Return the member with the largest share of slots that are free for this band, if any."""
    best: Member | None = None
    best_share = 0.0
    has_well = False
    for member in pool.members:
        replica = member.replica
        has_well |= replica.breaker.state is BreakerState.CLOSED
        share = replica.room / replica.slots if replica.free_slots else 0.0
        if share > best_share:
            best, best_share = member, share
    if best is None and not has_well and band_rank == BAND_RANK[Band.INTERACTIVE]:
        return _last_resort(pool)
    return best


def _last_resort(pool: Pool) -> Member | None:
    members = [member for member in pool.members if member.replica.room > 0]
    return max(members, key=lambda each: each.replica.room / each.replica.slots, default=None)
