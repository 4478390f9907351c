"""What goes into one notification."""

from __future__ import annotations

import msgspec

from forebay.store.postgres_signals import MAX_BYTES, payloads


def test_a_notification_holds_as_much_as_it_may() -> None:
    signals = [("changed", f"resp_ü{number:060}") for number in range(500)]
    made = list(payloads(signals))
    sizes = [len(payload.encode()) for payload in made]
    assert max(sizes) <= MAX_BYTES
    assert min(sizes[:-1]) > MAX_BYTES - 100
    told = [signal for payload in made for signal in msgspec.json.decode(payload)]
    assert told == [list(signal) for signal in signals]


def test_a_signal_that_fits_into_none_is_left_out() -> None:
    assert list(payloads([("changed", "x" * MAX_BYTES), ("keys", "")])) == ['[["keys",""]]']


def test_the_largest_signal_that_fits_is_sent() -> None:
    frame = len('[["changed",""]]')
    (payload,) = payloads([("changed", "x" * (MAX_BYTES - frame))])
    assert len(payload) == MAX_BYTES
