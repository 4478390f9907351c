"""The ledger: append-only entries, at most one `charge` per subject."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.core.clock import Instant
from forebay.core.lanes import Lane
from forebay.core.money import Usage


class EntryKind(StrEnum):
    """What an entry records."""

    CHARGE = "charge"  # billed work; at most one per subject
    WASTE = "waste"  # tokens of evicted and failed attempts, not billed
    ADJUSTMENT = "adjustment"
    EXTERNAL = "external"  # costs reported from outside


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line of the bill. `subject_id` is a request's id or a batch result chunk's."""

    kind: EntryKind
    subject_id: str
    project_id: str
    key_id: str
    lane: Lane
    window: str
    model: str
    usage: Usage
    cost_nanos: int
    is_window_met: bool
    created_at: Instant
