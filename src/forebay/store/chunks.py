"""Chunks: the results of some lines of a segment, as one flush records them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from forebay.core.batches import LineOutcome
from forebay.core.ledger import LedgerEntry
from forebay.core.money import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """Results of some lines: a blob of JSON lines. `line_numbers` are the segment's, from 0.

    Of these, the `schema_failed` ones are answers that do not have the form that was asked for.
    """

    kind: str
    blob_id: str
    size_bytes: int
    line_numbers: list[int]
    schema_failed: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """A chunk as it is kept; its lists are JSON."""

    kind: str
    blob_id: str
    line_count: int
    size_bytes: int
    line_numbers: str
    schema_failed: str | None

    @property
    def numbers(self) -> list[int]:
        """The numbers of the segment's lines whose results it holds, in their order there."""
        return msgspec.json.decode(self.line_numbers, type=list[int])

    @property
    def failed_numbers(self) -> list[int]:
        """Those of them that do not have the form that was asked for."""
        return msgspec.json.decode(self.schema_failed or "[]", type=list[int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the lines of one flush, and what their repeated attempts cost us."""

    outcomes: Mapping[LineOutcome, int] = field(default_factory=dict)
    retries: int = 0
    waste: Usage = field(default_factory=Usage)
    waste_nanos: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one flush records: the output chunk, the error chunk, or both, and their bill."""

    output: NewChunk | None = None
    errors: NewChunk | None = None
    usage: Usage = field(default_factory=Usage)
    cost_nanos: int = 0
    charge: LedgerEntry | None = None
    tally: Tally = field(default_factory=Tally)
    waste: LedgerEntry | None = None
