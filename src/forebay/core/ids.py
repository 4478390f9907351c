"""Identifiers: a prefix that tells the noun, then the time, then 96 random bits, in hexadecimal.

The leading time (48 bits of milliseconds) makes neighbours in time neighbours in every index, so
that a group commit touches a few pages of a large table instead of one for each row.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable

NewId = Callable[[str], str]
"""Makes a fresh id for a prefix such as `resp_`; tests pass a counting one."""

TIME_DIGITS = 12
RANDOM_BYTES = 12
STOCK = 256


class RandomIds:
    """Makes ids from the system's randomness, drawn for many at a time: a draw is a system call."""

    def __init__(self) -> None:
        self._stock: list[str] = []

    def __call__(self, prefix: str) -> str:
        """Return `prefix` followed by 36 hexadecimal digits, later ones sorting after earlier."""
        if not self._stock:
            drawn = os.urandom(RANDOM_BYTES * STOCK).hex()
            step = RANDOM_BYTES * 2
            self._stock = [drawn[at : at + step] for at in range(0, len(drawn), step)]
        return f"{prefix}{time.time_ns() // 1_000_000:012x}{self._stock.pop()}"


class DerivedIds:
    """Makes the ids of the parts of something from its own: again the same, in the same order."""

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self._count = 0

    def __call__(self, prefix: str) -> str:
        """Return `prefix` followed by the time of the whole and digits that no other whole has."""
        made = hashlib.sha256(f"{self._whole}.{self._count}".encode()).hexdigest()
        self._count += 1
        time_digits = self._whole.rpartition("_")[2][:TIME_DIGITS]
        return f"{prefix}{time_digits}{made[: RANDOM_BYTES * 2]}"
