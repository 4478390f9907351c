"""Identifiers: a prefix that tells the noun, then the time, then 96 random bits, in hexadecimal.

The leading time (48 bits of milliseconds) makes neighbours in time neighbours in every index, so
that a group commit touches a few pages of a large table instead of one for each row.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

NewId = Callable[[str], str]
"""Makes a fresh id for a prefix such as `resp_`; tests pass a counting one."""


def new_id(prefix: str) -> str:
    """Return `prefix` followed by 36 hexadecimal digits, later ones sorting after earlier ones."""
    return f"{prefix}{time.time_ns() // 1_000_000:012x}{os.urandom(12).hex()}"
