"""Retry-After in both of its forms, and what is not one."""

from __future__ import annotations

import pytest

from forebay.core.clock import Instant
from forebay.engines.retry_after import retry_after_s

NOW = Instant(1_445_412_400_000)  # 40 s past 07:26:00 GMT on 21 October 2015


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"7", 7.0),
        (b" 0.5 ", 0.5),
        (b"0", 0.0),
        (b"Wed, 21 Oct 2015 07:28:00 GMT", 80.0),
        (b"Wednesday, 21-Oct-15 07:28:00 GMT", 80.0),
        (b"Wed, 21 Oct 2015 09:28:00 +0200", 80.0),
        (b"Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
    ],
)
def test_seconds_and_dates_tell_how_long_to_wait(value: bytes, seconds: float) -> None:
    assert retry_after_s(value, now=NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [None, b"", b"-1", b"inf", b"nan", b"soon", b"\xff", b"Wed, 99 Oct 2015 07:28:00 GMT", b"1 2"],
)
def test_what_is_neither_says_nothing(value: bytes | None) -> None:
    assert retry_after_s(value, now=NOW) is None
