"""When a webhook is tried again: growing pauses, a receiver's wish within limits, then no more."""

from __future__ import annotations

import pytest

from forebay.core.clock import Instant
from forebay.lanes.webhook_schedule import (
    ENDPOINT_PAUSES_S,
    MAX_ENDPOINT_S,
    MAX_ENDPOINT_WISH_S,
    MAX_REQUEST_WISH_S,
    REQUEST_PAUSES_S,
    pause_s,
    wished_pause_s,
)

DATE = "Thu, 09 Oct 2025 08:53:30 GMT"
BEFORE_DATE = Instant(1_760_000_000_000)  # ten seconds


def paused(
    failures: int, *, wish_s: float | None = None, chance: float = 0.0, passed_s: float = 0.0
) -> float | None:
    return pause_s(
        is_endpoint=True,
        failures=failures,
        wish_s=wish_s,
        chance=lambda: chance,
        passed_s=passed_s,
    )


def test_pauses_grow_and_then_it_is_given_up() -> None:
    found = [paused(failures) for failures in range(1, 11)]
    assert found == [*ENDPOINT_PAUSES_S, None]
    assert list(ENDPOINT_PAUSES_S) == sorted(ENDPOINT_PAUSES_S)


def test_the_webhook_of_a_request_is_given_up_after_four_tries() -> None:
    found = [
        pause_s(is_endpoint=False, failures=failures, wish_s=None, chance=lambda: 0.0, passed_s=1e6)
        for failures in range(1, 5)
    ]
    assert found == [*REQUEST_PAUSES_S, None]


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("wish_s", [None, 12 * 3600.0])
def test_no_try_is_later_than_three_days(chance: float, wish_s: float | None) -> None:
    passed_s = 0.0
    for failures in range(1, 11):
        pause = paused(failures, chance=chance, wish_s=wish_s, passed_s=passed_s)
        if pause is None:
            break
        passed_s += pause
    assert 68 <= passed_s / 3600 <= 72


def test_the_last_try_is_at_the_end_and_then_it_is_given_up() -> None:
    assert paused(9, passed_s=MAX_ENDPOINT_S - 60) == 60.0
    assert paused(2, passed_s=MAX_ENDPOINT_S) is None
    assert paused(1, passed_s=MAX_ENDPOINT_S + 1) is None


def test_chance_spreads_a_pause_and_makes_none_longer() -> None:
    assert (paused(2, chance=0.0), paused(2, chance=1.0)) == (300.0, 270.0)


def test_a_receiver_may_wish_for_more_patience_and_not_for_less() -> None:
    assert paused(1, wish_s=60.0) == 60.0
    assert paused(2, wish_s=60.0) == 300.0


def test_a_wish_has_limits() -> None:
    assert paused(1, wish_s=float("inf")) == MAX_ENDPOINT_WISH_S
    own = pause_s(is_endpoint=False, failures=1, wish_s=10.0**9, chance=lambda: 0.0, passed_s=0.0)
    assert own == MAX_REQUEST_WISH_S


def test_a_wish_gives_no_tries_beyond_the_last() -> None:
    assert paused(10, wish_s=1.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 0 ", 0.0),
        (DATE, 10.0),
        ("Thu, 09 Oct 2025 08:53:10 GMT", 0.0),
        (None, None),
        ("", None),
        ("-3", None),
        ("soon", None),
        ("1.5", None),
        ("Thu, 09 Oct 99999 08:53:30 GMT", None),
    ],
)
def test_a_wish_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert wished_pause_s(header, now=BEFORE_DATE) == seconds
