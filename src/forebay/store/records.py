"""Rows as typed records."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from forebay.store.database import Row

T = TypeVar("T")


def record(row: Row, shape: type[T]) -> T:
    """Return the row as the record of that type; columns that it does not name are left out."""
    return msgspec.convert(row, shape, strict=False, builtin_types=(bytes,))
