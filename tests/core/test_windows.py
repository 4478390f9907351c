"""Completion windows: which one a call gets, and what it promises."""

from __future__ import annotations

from fractions import Fraction

import pytest

from forebay.core.clock import Instant
from forebay.core.errors import WindowNotOffered
from forebay.core.lanes import Lane
from forebay.core.windows import (
    ASAP,
    BAND_RANK,
    DAY,
    DEFAULT_WINDOWS,
    LANE_DEFAULTS,
    STANDARD,
    Band,
    CompletionWindow,
    choose_window,
)

ASAP_WINDOW, STANDARD_WINDOW, DAY_WINDOW = DEFAULT_WINDOWS


def flex(*lanes: Lane) -> CompletionWindow:
    return CompletionWindow(
        name="flex",
        seconds=600.5,
        band=Band.DEADLINE,
        price_factor=Fraction(1, 2),
        lanes=frozenset(lanes),
    )


@pytest.mark.parametrize(
    ("lane", "expected"),
    [(Lane.REALTIME, ASAP), (Lane.BACKGROUND, STANDARD), (Lane.BATCH, DAY)],
)
def test_a_lane_has_its_default_window(lane: Lane, expected: str) -> None:
    assert choose_window(lane, None, DEFAULT_WINDOWS).name == expected


def test_background_falls_back_to_asap_where_standard_is_not_offered() -> None:
    assert choose_window(Lane.BACKGROUND, None, (ASAP_WINDOW,)) is ASAP_WINDOW


def test_a_lane_takes_what_there_is_when_none_of_its_defaults_is_offered() -> None:
    only = flex(Lane.BATCH)
    assert choose_window(Lane.BATCH, None, (only,)) is only


@pytest.mark.parametrize("lane", [Lane.REALTIME, Lane.BACKGROUND])
@pytest.mark.parametrize("name", [ASAP, STANDARD])
def test_a_named_window_is_taken(lane: Lane, name: str) -> None:
    assert choose_window(lane, name, DEFAULT_WINDOWS).name == name


def test_a_batch_may_name_standard() -> None:
    assert choose_window(Lane.BATCH, STANDARD, DEFAULT_WINDOWS) is STANDARD_WINDOW


@pytest.mark.parametrize(
    ("lane", "name", "offered"),
    [
        (Lane.REALTIME, "tomorrow", DEFAULT_WINDOWS),
        (Lane.REALTIME, DAY, DEFAULT_WINDOWS),
        (Lane.BATCH, ASAP, DEFAULT_WINDOWS),
        (Lane.BACKGROUND, STANDARD, (ASAP_WINDOW,)),
    ],
)
def test_a_named_window_never_falls_back(
    lane: Lane, name: str, offered: tuple[CompletionWindow, ...]
) -> None:
    with pytest.raises(WindowNotOffered, match=f"'{name}' is not offered"):
        choose_window(lane, name, offered)


def test_a_refusal_lists_what_the_lane_may_name() -> None:
    with pytest.raises(WindowNotOffered, match="Offered: 'asap', 'standard'") as caught:
        choose_window(Lane.REALTIME, DAY, DEFAULT_WINDOWS, param="service_tier")
    assert caught.value.param == "service_tier"


def test_a_lane_without_any_window_is_refused() -> None:
    with pytest.raises(WindowNotOffered, match="Offered: none"):
        choose_window(Lane.BATCH, None, (ASAP_WINDOW,))


def test_the_deadline_is_what_the_window_promises() -> None:
    assert STANDARD_WINDOW.deadline(Instant(1_000)) == 301_000
    assert flex(Lane.BATCH).deadline(Instant(1_000)) == 601_500


def test_windows_get_cheaper_as_they_get_longer() -> None:
    assert [window.price_factor for window in DEFAULT_WINDOWS] == [
        1,
        Fraction(1, 2),
        Fraction(3, 10),
    ]
    seconds = [window.seconds for window in DEFAULT_WINDOWS]
    assert seconds == sorted(seconds)


def test_every_band_has_a_rank_of_its_own_most_urgent_first() -> None:
    assert sorted(BAND_RANK, key=lambda band: BAND_RANK[band]) == list(Band)


@pytest.mark.parametrize("lane", list(Lane))
def test_the_defaults_of_every_lane_are_windows_it_may_use(lane: Lane) -> None:
    by_name = {window.name: window for window in DEFAULT_WINDOWS}
    assert all(lane in by_name[name].lanes for name in LANE_DEFAULTS[lane])
