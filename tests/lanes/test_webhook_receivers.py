"""Room for calls: shared fairly, and scarce for who does not answer."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.lanes.webhook_receivers import (
    MAX_AT_A_RECEIVER,
    MAX_AT_ONCE,
    MAX_REMEMBERED,
    MAX_SILENT_AT_ONCE,
    Receivers,
)

NOW = Instant(1000)


def begin(receivers: Receivers, name: str, count: int) -> None:
    for _ in range(count):
        receivers.begin(name)


def silence(receivers: Receivers, name: str) -> None:
    receivers.begin(name)
    receivers.end(name, has_answered=False, paused_until=None)


def test_a_receiver_has_room_for_so_many_calls() -> None:
    receivers = Receivers()
    assert receivers.rooms(["a"], now=NOW) == {"a": MAX_AT_A_RECEIVER}
    begin(receivers, "a", 3)
    assert receivers.rooms(["a"], now=NOW) == {"a": MAX_AT_A_RECEIVER - 3}
    begin(receivers, "a", MAX_AT_A_RECEIVER - 3)
    assert receivers.rooms(["a", "b"], now=NOW) == {"b": MAX_AT_A_RECEIVER}


def test_each_receiver_gets_one_call_before_any_gets_a_second() -> None:
    receivers = Receivers()
    begin(receivers, "busy", MAX_AT_ONCE - 3)
    assert receivers.rooms(["a", "b", "c", "d"], now=NOW) == {"a": 1, "b": 1, "c": 1}
    assert receivers.rooms(["a", "b"], now=NOW) == {"a": 2, "b": 1}


def test_a_full_house_has_no_room() -> None:
    receivers = Receivers()
    begin(receivers, "busy", MAX_AT_ONCE)
    assert receivers.rooms(["a"], now=NOW) == {}


def test_a_silent_receiver_gets_one_call_at_a_time_until_it_answers() -> None:
    receivers = Receivers()
    silence(receivers, "a")
    assert receivers.rooms(["a"], now=NOW) == {"a": 1}
    receivers.begin("a")
    assert receivers.rooms(["a"], now=NOW) == {}
    receivers.end("a", has_answered=True, paused_until=None)
    assert receivers.rooms(["a"], now=NOW) == {"a": MAX_AT_A_RECEIVER}


def test_a_call_that_was_not_made_tells_nothing_of_the_receiver() -> None:
    receivers = Receivers()
    receivers.begin("a")
    receivers.end("a", has_answered=None, paused_until=None)
    assert receivers.rooms(["a"], now=NOW) == {"a": MAX_AT_A_RECEIVER}
    assert receivers.in_flight == 0


def test_all_silent_receivers_together_leave_half_of_the_room_to_others() -> None:
    receivers = Receivers()
    for number in range(MAX_SILENT_AT_ONCE + 9):
        silence(receivers, f"silent {number}")
    for number in range(MAX_SILENT_AT_ONCE):
        receivers.begin(f"silent {number}")
    late = [f"silent {MAX_SILENT_AT_ONCE + number}" for number in range(9)]
    assert receivers.rooms([*late, "well"], now=NOW) == {"well": MAX_AT_A_RECEIVER}


def test_silent_receivers_share_what_is_left_of_their_half() -> None:
    receivers = Receivers()
    names = [f"silent {number}" for number in range(MAX_SILENT_AT_ONCE + 2)]
    for name in names:
        silence(receivers, name)
    for name in names[: MAX_SILENT_AT_ONCE - 1]:
        receivers.begin(name)
    assert receivers.rooms(names, now=NOW) == {names[MAX_SILENT_AT_ONCE - 1]: 1}


def test_a_receiver_that_asked_for_a_pause_has_no_room_before_its_end() -> None:
    receivers = Receivers()
    receivers.begin("a")
    receivers.end("a", has_answered=True, paused_until=Instant(2000))
    assert receivers.rooms(["a"], now=Instant(1999)) == {}
    assert receivers.next_pause_end(now=Instant(1999)) == 2000
    assert receivers.rooms(["a"], now=Instant(2000)) == {"a": MAX_AT_A_RECEIVER}
    assert receivers.next_pause_end(now=Instant(2000)) is None


def test_no_more_receivers_are_remembered_than_that() -> None:
    receivers = Receivers()
    for number in range(MAX_REMEMBERED + 5):
        silence(receivers, f"silent {number}")
    assert receivers.known == MAX_REMEMBERED
