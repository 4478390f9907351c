"""A conversation: items that responses read, and to which they add."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation as it is kept, without its items."""

    id: str
    project_id: str
    metadata: dict[str, str]
    created_at: Instant
