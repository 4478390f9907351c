"""Ranges of bytes, as HTTP has them (RFC 9110, section 14)."""

from __future__ import annotations

import re

from forebay.api.keys import Headers
from forebay.core.errors import RangeNotSatisfiable

MAX_DIGITS = 18

_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)


def asked_range(headers: Headers, size_bytes: int) -> tuple[int, int] | None:
    """Return the start and the length of the range that is asked for, of so many bytes.

    None is for all of them: no range, several, one that says nothing, or one that holds only for a
    validator (`If-Range`), of which we send none. Raises `RangeNotSatisfiable`.
    """
    asked = [value for name, value in headers if name == b"range"]
    if len(asked) != 1 or any(name == b"if-range" for name, _ in headers):
        return None
    found = _RANGE.fullmatch(asked[0].strip())
    if found is None or max(map(len, found.groups())) > MAX_DIGITS:
        return None
    first, last = found.groups()
    if not first:
        return _last_bytes(int(last), size_bytes) if last else None
    if last and int(last) < int(first):
        return None
    start = int(first)
    if start >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return start, end - start


def _last_bytes(count: int, size_bytes: int) -> tuple[int, int]:
    if not count or not size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    length = min(count, size_bytes)
    return size_bytes - length, length
