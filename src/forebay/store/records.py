"""Rows as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from forebay.core.clock import Instant
from forebay.store.database import Row

T = TypeVar("T")

Urgency = tuple[int, Instant]
"""Where waiting work stands in the order: its band rank and its deadline, smaller first."""


def record(row: Mapping[str, object], shape: type[T]) -> T:
    """Return the row as the record of that type; columns that it does not name are left out."""
    return msgspec.convert(row, shape, strict=False, builtin_types=(bytes,))


def with_metadata(row: Row) -> dict[str, object]:
    """Return the row with its metadata as pairs of strings, for a record that shows them."""
    metadata = row["metadata"]
    assert isinstance(metadata, str)
    return {**row, "metadata": msgspec.json.decode(metadata)}


def urgency(row: Row) -> Urgency:
    """Return the place in the order that a peek found."""
    band_rank, deadline_at = row["band_rank"], row["deadline_at"]
    assert isinstance(band_rank, int) and isinstance(deadline_at, int)
    return band_rank, Instant(deadline_at)
